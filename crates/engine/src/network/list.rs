//! `network ls`.

use teu_api::filters::Filters;
use teu_api::network::Network;

use super::shown;
use crate::{Engine, Error};

const KNOWN: &[&str] = &["dangling", "driver", "id", "label", "name", "scope", "type"];

impl Engine {
    /// Lists networks, without their containers.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn network_list(&self, filters: &Filters) -> Result<Vec<Network>, Error> {
        filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))?;
        let dangling = filters.boolean("dangling").map_err(|e| Error::Invalid(e.to_string()))?;
        if let Some(bad) = filters.get("type").find(|t| !matches!(*t, "builtin" | "custom")) {
            return Err(Error::Invalid(format!("invalid filter: 'type'='{bad}'")));
        }
        let predefined = |name: &str| matches!(name, "bridge" | "host" | "none");
        let accepts = |network: &Network| {
            let kind = if predefined(&network.name) { "builtin" } else { "custom" };
            filters.matches_by("name", |n| network.name.contains(n))
                && filters.matches_by("id", |id| network.id.contains(id))
                && filters.matches("driver", &network.driver)
                && filters.matches("scope", &network.scope)
                && filters.matches("type", kind)
                && filters.matches_labels("label", &network.labels)
                && dangling.is_none_or(|d| d == (network.containers.is_empty() && kind == "custom"))
        };
        let all = self.networks()?.list().into_iter().map(shown).filter(accepts);
        Ok(all.map(|network| Network { containers: std::collections::BTreeMap::new(), ..network }).collect())
    }
}
