//! `network prune`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::filters::Filters;
use teu_api::prune;
use teu_network::{Error as NetworkError, NetworkInfo, Networks};

use crate::events::Subject;
use crate::prune::Criteria;
use crate::{Engine, Error};

const KNOWN: &[&str] = &["label", "label!", "until"];

impl Engine {
    /// Removes the networks that users made and no running container is attached to.
    ///
    /// # Errors
    /// A filter that makes no sense; another prune is at work.
    pub async fn network_prune(&self, filters: &Filters) -> Result<prune::Networks, Error> {
        let _pruning = self.begin_prune(Subject::Network)?;
        let criteria = Criteria::new(filters, KNOWN)?;
        let networks = self.networks()?;
        // Containers that have just ended do not keep theirs.
        self.teardowns().now().settled().await;
        let work = move || {
            let removed = networks.list().into_iter().filter(|network| remove(&networks, network, &criteria));
            removed.map(|network| network.record).collect::<Vec<_>>()
        };
        let removed = tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::Part { part: "network", message: e.to_string() })?;
        if !removed.is_empty() {
            self.save_networks();
        }
        for network in &removed {
            let attributes = BTreeMap::from([
                ("name".to_owned(), network.name.clone()),
                ("type".to_owned(), network.driver.to_string()),
            ]);
            self.events().publish(Subject::Network, "destroy", &network.id, attributes);
        }
        // Networks take no space: Docker says so, too.
        self.prune_event(Subject::Network, 0);
        let names = removed.into_iter().map(|network| network.name).collect();
        Ok(prune::Networks { networks_deleted: prune::some(names) })
    }
}

/// Removes a network unless the criteria or its containers speak against it.
fn remove(networks: &Networks, network: &NetworkInfo, criteria: &Criteria) -> bool {
    let record = &network.record;
    let created = Timestamp::from_nanosecond(i128::from(record.created)).ok();
    if !network.containers.is_empty() || !criteria.accepts(created, &record.labels) {
        return false;
    }
    match networks.remove(&record.id) {
        Ok(_) => true,
        Err(NetworkError::Predefined(_) | NetworkError::ActiveEndpoints { .. }) => false,
        Err(error) => {
            tracing::warn!(network = record.name, %error, "a network could not be pruned");
            false
        }
    }
}
