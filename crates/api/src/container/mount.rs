//! Mounts: as asked for (`Mount`) and as found in an inspected container (`MountPoint`).

use crate::json::is_zero;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A mount in the structured form (`--mount`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `npipe`, `cluster` or `image`.
    #[serde(rename = "Type", skip_serializing_if = "is_zero")]
    pub kind: String,
    /// Path on the host or name of a volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub source: String,
    /// Path in the container.
    #[serde(skip_serializing_if = "is_zero")]
    pub target: String,
    /// The mount is read-only.
    #[serde(skip_serializing_if = "is_zero")]
    pub read_only: bool,
    /// `default`, `consistent`, `cached` or `delegated` (without effect on Linux).
    #[serde(skip_serializing_if = "is_zero")]
    pub consistency: String,
    /// Options of `bind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_options: Option<BindOptions>,
    /// Options of `volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_options: Option<VolumeOptions>,
    /// Options of `image`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_options: Option<ImageOptions>,
    /// Options of `tmpfs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// Options of a bind mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BindOptions {
    /// `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave` or empty.
    #[serde(skip_serializing_if = "is_zero")]
    pub propagation: String,
    /// Mounts below the source are left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub non_recursive: bool,
    /// The source is created when it does not exist.
    #[serde(skip_serializing_if = "is_zero")]
    pub create_mountpoint: bool,
    /// Only the mount itself is read-only, not those below it.
    #[serde(skip_serializing_if = "is_zero")]
    pub read_only_non_recursive: bool,
    /// Fail where recursive read-only mounts are not supported.
    #[serde(skip_serializing_if = "is_zero")]
    pub read_only_force_recursive: bool,
}

/// Options of a volume mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeOptions {
    /// The image's files are not copied into a new volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub no_copy: bool,
    /// Labels of the volume when it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Path inside the volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub subpath: String,
    /// Driver of the volume when it is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver_config: Option<VolumeDriver>,
}

/// Driver of a volume and its options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct VolumeDriver {
    /// Name of the driver.
    #[serde(skip_serializing_if = "is_zero")]
    pub name: String,
    /// Options of the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
}

/// Options of an image mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageOptions {
    /// Path inside the image.
    #[serde(skip_serializing_if = "is_zero")]
    pub subpath: String,
}

/// Options of a temporary file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TmpfsOptions {
    /// Size in bytes; 0 is unlimited.
    #[serde(skip_serializing_if = "is_zero")]
    pub size_bytes: i64,
    /// Mode of the root directory.
    #[serde(skip_serializing_if = "is_zero")]
    pub mode: u32,
    /// Mount options, each one or two strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<Vec<String>>>,
}

/// A mount of an existing container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs`, …
    #[serde(rename = "Type", skip_serializing_if = "is_zero")]
    pub kind: String,
    /// Name of the volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub name: String,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Driver of the volume.
    #[serde(skip_serializing_if = "is_zero")]
    pub driver: String,
    /// Options as the user gave them.
    pub mode: String,
    /// The mount can be written to.
    #[serde(rename = "RW")]
    pub rw: bool,
    /// Propagation of mounts.
    pub propagation: String,
}
