//! Volumes: what outlives a container's file system.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Volume {
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// Name of its driver.
    pub driver: String,
    /// The user's labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Where it is on the engine's machine.
    pub mountpoint: String,
    /// Its name.
    pub name: String,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
    /// `local`, or `global` for those that all machines of a cluster see.
    pub scope: String,
}

/// A list of volumes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct List {
    /// The volumes.
    pub volumes: Vec<Volume>,
    /// What went wrong while they were gathered.
    pub warnings: Option<Vec<String>>,
}

/// A volume to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateRequest {
    /// Its name; one is chosen if empty.
    pub name: String,
    /// Its driver; `local` if empty.
    pub driver: String,
    /// Options of the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
}
