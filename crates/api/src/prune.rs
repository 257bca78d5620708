//! What prunes report.

use crate::image::Removed;
use serde::{Deserialize, Serialize};

/// Answer to `POST /containers/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Containers {
    /// Ids of the containers that are gone; `null` when none is.
    pub containers_deleted: Option<Vec<String>>,
    /// Bytes that they had written.
    pub space_reclaimed: u64,
}

/// Answer to `POST /images/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Images {
    /// Names taken away, and images and layers that are gone; `null` when none is.
    pub images_deleted: Option<Vec<Removed>>,
    /// Bytes that their layers took on disk.
    pub space_reclaimed: u64,
}

/// Answer to `POST /networks/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Networks {
    /// Names of the networks that are gone; `null` when none is.
    pub networks_deleted: Option<Vec<String>>,
}

/// Answer to `POST /volumes/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Volumes {
    /// Names of the volumes that are gone.
    pub volumes_deleted: Vec<String>,
    /// Bytes of the files in them.
    pub space_reclaimed: u64,
}

/// Answer to `POST /build/prune`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BuildCache {
    /// Ids of the entries that are gone; `null` when none is.
    pub caches_deleted: Option<Vec<String>>,
    /// Bytes that they took.
    pub space_reclaimed: u64,
}

/// What was reclaimed, or `None` for an empty list: Docker says `null` then.
pub fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
