//! `container prune`.

use std::sync::Arc;

use futures_util::StreamExt;
use teu_api::container::RemoveOptions;
use teu_api::filters::Filters;
use teu_api::prune;

use super::handle::{Handle, View};
use crate::events::Subject;
use crate::prune::Criteria;
use crate::{Engine, Error};

const KNOWN: &[&str] = &["label", "label!", "until"];

/// How many containers are removed at once.
const AT_ONCE: usize = 8;

impl Engine {
    /// Removes all containers that do not run. One that cannot be removed, or has been started meanwhile, stays.
    /// Dropping the future spares those that are not being removed yet.
    ///
    /// # Errors
    /// A filter that makes no sense; another prune is at work.
    pub async fn container_prune(&self, filters: &Filters) -> Result<prune::Containers, Error> {
        let _pruning = self.begin_prune(Subject::Container)?;
        let criteria = Criteria::new(filters, KNOWN)?;
        let doomed = self.containers().all().into_iter().filter(|handle| prunable(&handle.view(), &criteria));
        let removals = doomed.map(|handle| self.prune_container(handle));
        let removed: Vec<_> =
            futures_util::stream::iter(removals).buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
        let space_reclaimed = removed.iter().map(|(_, size)| size).sum();
        let deleted = removed.into_iter().map(|(id, _)| id).collect();
        self.prune_event(Subject::Container, space_reclaimed);
        Ok(prune::Containers { containers_deleted: prune::some(deleted), space_reclaimed })
    }

    /// Removes a container; answers its id and what it had written.
    async fn prune_container(&self, handle: Arc<Handle>) -> Option<(String, u64)> {
        let engine = self.clone();
        // A removal that was begun is brought to its end, whoever waits for it.
        let removal = tokio::spawn(async move {
            let id = &handle.id;
            let (written, _) = engine.container_size(&handle).await.unwrap_or_default();
            match engine.container_remove(id, RemoveOptions::default()).await {
                Ok(()) => Some((id.clone(), u64::try_from(written).unwrap_or(0))),
                Err(error) => {
                    tracing::warn!(container = id, %error, "a container could not be pruned");
                    None
                }
            }
        });
        // A panic is logged by the runtime.
        removal.await.ok().flatten()
    }
}

fn prunable(view: &View, criteria: &Criteria) -> bool {
    let definition = &view.definition;
    let labels = definition.config.labels.clone().unwrap_or_default();
    !view.state.is_active() && criteria.accepts(Some(definition.created), &labels)
}
