//! Answer to `GET /containers/json`.

use super::MountPoint;
use crate::json::is_zero;
use crate::network::EndpointSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A container in a list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Summary {
    /// Id.
    pub id: String,
    /// Names with a leading slash.
    pub names: Vec<String>,
    /// Image as the user named it, or its id when that name has moved on.
    pub image: String,
    /// Id of the image.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// Command line.
    pub command: String,
    /// Time of creation in seconds since 1970.
    pub created: i64,
    /// Published and exposed ports.
    pub ports: Vec<Port>,
    /// Bytes written by the container; only when asked for.
    #[serde(skip_serializing_if = "nothing")]
    pub size_rw: Option<i64>,
    /// Bytes of the whole root file system; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<i64>,
    /// User-defined labels.
    pub labels: BTreeMap<String, String>,
    /// `created`, `running`, …
    pub state: String,
    /// State in words, `Up 3 minutes`.
    pub status: String,
    /// Excerpt of the host-dependent configuration.
    pub host_config: SummaryHostConfig,
    /// Endpoints.
    pub network_settings: SummaryNetworkSettings,
    /// Mounts.
    pub mounts: Vec<MountPoint>,
}

/// Docker does not tell of nothing.
fn nothing(size: &Option<i64>) -> bool {
    size.unwrap_or(0) == 0
}

/// Excerpt of the host-dependent configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SummaryHostConfig {
    /// Network mode.
    #[serde(skip_serializing_if = "is_zero")]
    pub network_mode: String,
    /// Annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

/// Endpoints by network name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SummaryNetworkSettings {
    /// Endpoints by network name.
    pub networks: BTreeMap<String, EndpointSettings>,
}

/// A port of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Port {
    /// Host address; empty when not published.
    #[serde(rename = "IP", skip_serializing_if = "is_zero")]
    pub ip: String,
    /// Port in the container.
    pub private_port: u16,
    /// Port on the host; 0 when not published.
    #[serde(skip_serializing_if = "is_zero")]
    pub public_port: u16,
    /// `tcp`, `udp` or `sctp`.
    #[serde(rename = "Type")]
    pub protocol: String,
}
