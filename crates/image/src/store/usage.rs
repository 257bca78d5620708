//! What layers take on disk, from what was measured when they were stored.

use std::collections::HashMap;

use teu_oci::digest::Digest;

use super::Store;
use crate::error::Result;

/// What the layers of a store take on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Bytes of all layers, each counted once.
    pub total: u64,
    /// Bytes of the layers that no kept snapshot is based on: what pruning every unused image gives back.
    pub reclaimable: u64,
    /// By image.
    pub images: HashMap<Digest, ImageUsage>,
}

/// What an image takes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageUsage {
    /// Bytes of its layers, each counted once.
    pub whole: u64,
    /// Bytes of those that other images have, too.
    pub shared: u64,
}

impl Store {
    /// What the layers take on disk. Nothing is walked. What is below snapshots with these keys cannot be reclaimed; others
    /// are about to go.
    ///
    /// # Errors
    /// If the database fails.
    pub fn usage(&self, kept: &[String]) -> Result<StoreUsage> {
        self.0.db.usage(kept)
    }
}
