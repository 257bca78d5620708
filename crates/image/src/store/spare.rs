//! The folders of a snapshot to come.
//!
//! To make the three folders takes a file system three to five times as long as to rename one, and a run waits for it. So
//! when a snapshot goes, the next one's folders are made. They are below `ingest`, which is emptied when a store is opened.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Store;
use super::snapshot::create_folders;
use crate::temporary::Temporary;

/// One snapshot's folders, or none.
#[derive(Default)]
pub(super) struct Spare(Mutex<Option<Temporary>>);

impl Spare {
    /// Moves the folders to a snapshot's place. False if there are none.
    pub(super) fn place(&self, target: &Path) -> io::Result<bool> {
        let spare = self.lock().take();
        spare.map_or(Ok(false), |spare| spare.place(target).map(|()| true))
    }

    fn fill(&self, store: &Path) -> io::Result<()> {
        if self.lock().is_some() {
            return Ok(());
        }
        let made = Temporary::reserved(store);
        create_folders(made.path(), None)?;
        *self.lock() = Some(made);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Temporary>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Makes the next snapshot's folders, when there is time.
    pub(super) fn fill_spare(&self) {
        let store = Arc::downgrade(&self.0);
        self.0.reaper.later(move || {
            // Without them the next snapshot makes its own, and says why it cannot.
            if let Some(store) = store.upgrade()
                && let Err(error) = store.spare.fill(&store.folder)
            {
                tracing::debug!(%error, "no folders for a next container");
            }
        });
    }
}
