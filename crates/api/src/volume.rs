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
    /// What it takes and who has it: told by `GET /system/df` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_data: Option<UsageData>,
}

/// What a volume takes and who has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UsageData {
    /// Containers that have it; -1 when not counted.
    pub ref_count: i64,
    /// Bytes of the files in it; -1 when that cannot be known.
    pub size: i64,
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
