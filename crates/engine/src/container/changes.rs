//! `diff`: what a container changed in its files.

use teu_api::container::{Change, ChangeKind};

use super::archive::blocking;
use crate::{Engine, Error};

impl Engine {
    /// What was changed in a container's root file system, in the order of paths.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_changes(&self, container: &str) -> Result<Vec<Change>, Error> {
        let handle = self.containers().find(container)?;
        let library = self.library()?;
        blocking(move || {
            let change = |change: teu_image::Change| Change {
                path: format!("/{}", change.path.display()),
                kind: match change.kind {
                    teu_image::ChangeKind::Modified => ChangeKind::Modified,
                    teu_image::ChangeKind::Added => ChangeKind::Added,
                    teu_image::ChangeKind::Deleted => ChangeKind::Deleted,
                },
            };
            Ok(library.snapshot_changes(&handle.id)?.into_iter().map(change).collect())
        })
        .await
    }
}
