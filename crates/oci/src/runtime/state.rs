use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::nullable;

/// A container's state, as `state` prints it and hooks read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Version of the specification.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Where the container is in its life.
    pub status: Status,
    /// Process id of the container's first process, seen from the runtime; 0 or absent once it has ended.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub pid: i32,
    /// Absolute path of the bundle.
    pub bundle: PathBuf,
    /// The configuration's annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub annotations: BTreeMap<String, String>,
}

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being created.
    Creating,
    /// Set up; the user's process has not been started.
    Created,
    /// The user's process runs.
    Running,
    /// The user's process has ended.
    Stopped,
    /// Frozen; not in the specification, but shown by every runtime.
    Paused,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Paused => "paused",
        })
    }
}

/// What a seccomp listener gets beside the notification descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerProcessState {
    /// Version of the specification.
    pub oci_version: String,
    /// Names of the descriptors passed along, in order: `seccompFd`.
    pub fds: Vec<String>,
    /// Process that the filter belongs to.
    pub pid: i32,
    /// The filter's `listener_metadata`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
    /// The container.
    pub state: State,
}
