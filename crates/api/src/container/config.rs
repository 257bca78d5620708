//! What a container runs: the part of its configuration that an image can give too.

use crate::json::{Set, is_zero, string_or_list};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The portable configuration of a container or an image (`Config`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Config {
    /// Host name inside the container; the engine fills in the first 12 digits of the id.
    pub hostname: String,
    /// Domain name inside the container.
    pub domainname: String,
    /// `user[:group]`, by name or number; empty means root.
    pub user: String,
    /// Whether the creating client wants standard input attached.
    pub attach_stdin: bool,
    /// Whether the creating client wants standard output attached.
    pub attach_stdout: bool,
    /// Whether the creating client wants standard error attached.
    pub attach_stderr: bool,
    /// Ports the application listens on, as `80/tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<Set>,
    /// A terminal is allocated for the process.
    pub tty: bool,
    /// Standard input is kept open while nobody is attached.
    pub open_stdin: bool,
    /// Standard input is closed when the first attached client leaves.
    pub stdin_once: bool,
    /// `NAME=value`; an entry without `=` removes the variable.
    pub env: Option<Vec<String>>,
    /// Command or arguments of the entry point.
    #[serde(deserialize_with = "string_or_list")]
    pub cmd: Option<Vec<String>>,
    /// How to find out whether the container is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The command is already escaped (Windows only).
    #[serde(skip_serializing_if = "is_zero")]
    pub args_escaped: bool,
    /// Name of the image as the user gave it.
    pub image: String,
    /// Mount points for anonymous volumes.
    pub volumes: Option<Set>,
    /// Working directory of the process.
    pub working_dir: String,
    /// Entry point; an empty first string resets the image's.
    #[serde(deserialize_with = "string_or_list")]
    pub entrypoint: Option<Vec<String>>,
    /// No network at all.
    #[serde(skip_serializing_if = "is_zero")]
    pub network_disabled: bool,
    /// Hardware address; superseded by the endpoint's since API 1.44.
    #[serde(skip_serializing_if = "is_zero")]
    pub mac_address: String,
    /// Instructions run when the image is the base of a build.
    pub on_build: Option<Vec<String>>,
    /// User-defined labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Signal that stops the container, by name or number; empty means `SIGTERM`.
    #[serde(skip_serializing_if = "is_zero")]
    pub stop_signal: String,
    /// Seconds to wait for the process to stop before it is killed; -1 waits forever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// Shell of shell-form commands.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "string_or_list")]
    pub shell: Option<Vec<String>>,
}

/// A health check (`HealthConfig`). Durations are in nanoseconds; 0 means inherited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", args…]` or `["CMD-SHELL", command]`; empty inherits. Teu's own, without any command:
    /// `["HTTP", "http://localhost:80/path"]`, `["TCP", "localhost:80"]`, `["GRPC", "localhost:80", service]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Vec<String>>,
    /// Time between checks.
    #[serde(skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// Time after which one check counts as failed.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// Time in which failures are not counted after the start.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Time between checks during the start period.
    #[serde(skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Consecutive failures after which the container is unhealthy.
    #[serde(skip_serializing_if = "is_zero")]
    pub retries: i64,
    /// Teu's own: what happens to a container that becomes unhealthy, `none` (as when empty), `kill`, `restart` or
    /// `stop`.
    #[serde(skip_serializing_if = "is_zero")]
    pub on_failure: String,
}
