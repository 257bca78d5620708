//! The folders of a snapshot to come.
//!
//! To make three folders takes a file system longer than to rename one, and a run waits for it. So when a snapshot goes, the
//! next one's folders are made. What is left of that is removed when a store is opened.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Store;
use super::open::SPARE;
use super::snapshot::create_folders;

/// The only one there is, below [`SPARE`].
const NEXT: &str = "next";

/// Whether there are folders for a next snapshot.
#[derive(Default)]
pub(super) struct Spare(Mutex<bool>);

impl Spare {
    /// Moves the folders to a snapshot's place. False if there are none.
    pub(super) fn place(&self, store: &Path, target: &Path) -> io::Result<bool> {
        let mut is_there = self.lock();
        if std::mem::take(&mut *is_there) {
            fs::rename(store.join(SPARE).join(NEXT), target)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn fill(&self, store: &Path) -> io::Result<()> {
        let mut is_there = self.lock();
        if !*is_there {
            // What could not be moved is whole. Nearly every snapshot is a container's.
            create_folders(&store.join(SPARE).join(NEXT), None, true)?;
            *is_there = true;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
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
