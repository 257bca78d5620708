//! `network prune`.

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
        let engine = self.clone();
        let work = move || {
            let removed: Vec<_> =
                networks.list().into_iter().filter(|network| remove(&networks, network, &criteria)).collect();
            if !removed.is_empty()
                && let Err(error) = engine.save_networks()
            {
                tracing::error!(%error, "pruned networks may come back with the next start");
            }
            removed.into_iter().map(|network| network.record).collect::<Vec<_>>()
        };
        let removed = tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::Part { part: "network", message: e.to_string() })?;
        removed.iter().for_each(|network| self.network_event("destroy", network));
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
