use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{IdMapping, Linux, Process, nullable};

/// A container's configuration: the contents of a bundle's `config.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Spec {
    /// Version of the specification that the document follows, in SemVer 2.0.0 form.
    pub oci_version: String,
    /// The container's first process. Absent: the container can be created but not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// The root file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// Host name, set in the container's UTS namespace.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub hostname: String,
    /// NIS domain name, set in the container's UTS namespace.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub domainname: String,
    /// Mounts beyond the root, in the order in which they are made.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub mounts: Vec<Mount>,
    /// Programs run at points of the container's life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Hooks>,
    /// Free-form metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
    /// What is particular to Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
}

/// The container's root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Root {
    /// Directory of the root file system: absolute, or relative to the bundle.
    pub path: PathBuf,
    /// Whether the root is read-only inside the container.
    #[serde(skip_serializing_if = "super::is_false")]
    pub readonly: bool,
}

/// One mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mount {
    /// Absolute path inside the container.
    pub destination: PathBuf,
    /// File system type; for bind mounts `bind`, `none` or empty.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub kind: String,
    /// Device, or the file or directory to bind: absolute, or relative to the bundle.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub source: String,
    /// Options as in fstab, and those of the specification (`rbind`, `rro`, `idmap`, `tmpcopyup` …).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub options: Vec<String>,
    /// User ids seen through the mount; needs `gid_mappings` too.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids seen through the mount.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub gid_mappings: Vec<IdMapping>,
}

/// Programs run at points of the container's life, each list in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hooks {
    /// Deprecated: as `create_runtime`, called first.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub prestart: Vec<Hook>,
    /// During create, in the runtime's namespaces, after the container's were made.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub create_runtime: Vec<Hook>,
    /// During create, in the container's namespaces, before the root is pivoted.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub create_container: Vec<Hook>,
    /// During start, in the container, before the user's process is executed.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub start_container: Vec<Hook>,
    /// After start, in the runtime's namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub poststart: Vec<Hook>,
    /// After delete, in the runtime's namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub poststop: Vec<Hook>,
}

/// A program to run at one point of the container's life. The container's state is written to its standard input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hook {
    /// Absolute path of the executable.
    pub path: PathBuf,
    /// Arguments, the first being the program's name for itself.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub args: Vec<String>,
    /// The whole environment, as `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// Seconds after which the hook is killed and counts as failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
}
