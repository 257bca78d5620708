//! `volume prune`.

use std::collections::BTreeMap;

use teu_api::filters::Filters;
use teu_api::prune;
use teu_api::volume::Volume;

use super::operations::blocking;
use super::record::ANONYMOUS;
use crate::events::Subject;
use crate::prune::Criteria;
use crate::{Engine, Error};

const KNOWN: &[&str] = &["all", "label", "label!"];

impl Engine {
    /// Removes the volumes that nobody named and no container has; with the filter `all` those with names, too.
    /// Dropping the future spares those that are not being removed yet.
    ///
    /// # Errors
    /// A filter that makes no sense; another prune is at work.
    pub async fn volume_prune(&self, filters: &Filters) -> Result<prune::Volumes, Error> {
        let _pruning = self.begin_prune(Subject::Volume)?;
        let criteria = Criteria::new(filters, KNOWN)?;
        let all = all(filters)?;
        let none = BTreeMap::new();
        let prunable = |volume: &Volume| {
            let labels = volume.labels.as_ref().unwrap_or(&none);
            (all || labels.contains_key(ANONYMOUS)) && criteria.accepts(None, labels)
        };
        let volumes = self.volumes().clone();
        let known = blocking(move || volumes.list()).await?;
        let mut pruned = prune::Volumes::default();
        for volume in known.into_iter().filter(prunable) {
            if let Some(size) = self.prune_volume(&volume.name).await {
                pruned.space_reclaimed += size;
                pruned.volumes_deleted.push(volume.name);
            }
        }
        self.prune_event(Subject::Volume, pruned.space_reclaimed);
        Ok(pruned)
    }

    /// Removes a volume unless a container has it; answers its size.
    async fn prune_volume(&self, name: &str) -> Option<u64> {
        if !self.volume_users(name).is_empty() {
            return None;
        }
        let (volumes, owned) = (self.volumes().clone(), name.to_owned());
        let size = blocking(move || volumes.size(&owned)).await.unwrap_or(0);
        // Whoever took it meanwhile keeps it.
        match self.volume_remove(name, false).await {
            Ok(()) => Some(size),
            Err(error) => {
                tracing::warn!(volume = name, %error, "a volume could not be pruned");
                None
            }
        }
    }
}

/// The filter `all`, in the words of Go's `ParseBool`.
fn all(filters: &Filters) -> Result<bool, Error> {
    let values: Vec<&str> = filters.get("all").collect();
    match values[..] {
        [] => Ok(false),
        ["1" | "t" | "T" | "true" | "TRUE" | "True"] => Ok(true),
        ["0" | "f" | "F" | "false" | "FALSE" | "False"] => Ok(false),
        [bad] => {
            Err(Error::Invalid(format!("invalid filter 'all': strconv.ParseBool: parsing {bad:?}: invalid syntax")))
        }
        _ => Err(Error::Invalid(format!("invalid filter 'all=[{}]': only one value is expected", values.join(" ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_all() {
        let all = |json: &str| all(&Filters::parse(json).expect("filters")).map_err(|error| error.to_string());
        assert_eq!(all("{}"), Ok(false));
        assert_eq!(all(r#"{"all":["true"]}"#), Ok(true));
        assert_eq!(all(r#"{"all":["0"]}"#), Ok(false));
        assert!(all(r#"{"all":["yes"]}"#).is_err_and(|e| e.ends_with("parsing \"yes\": invalid syntax")));
        assert!(all(r#"{"all":["1","0"]}"#).is_err_and(|e| e.ends_with("only one value is expected")));
    }
}
