//! Execs: further processes in a running container.

use crate::json::{is_zero, string_or_list};
use serde::{Deserialize, Serialize};

/// Body of `POST /containers/{id}/exec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateRequest {
    /// `user[:group]`; empty for the container's.
    pub user: String,
    /// With all capabilities.
    pub privileged: bool,
    /// With a terminal.
    pub tty: bool,
    /// Initial height and width of the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
    /// With standard input.
    pub attach_stdin: bool,
    /// With standard error.
    pub attach_stderr: bool,
    /// With standard output.
    pub attach_stdout: bool,
    /// Old clients say here what belongs into the start request.
    pub detach: bool,
    /// Keys that detach; empty for the default.
    pub detach_keys: String,
    /// Further variables, `NAME=value`.
    pub env: Option<Vec<String>>,
    /// Working directory; empty for the container's.
    pub working_dir: String,
    /// Command and arguments.
    #[serde(deserialize_with = "string_or_list")]
    pub cmd: Option<Vec<String>>,
}

/// Answer to `POST /containers/{id}/exec`, and wherever Docker answers an id alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IdResponse {
    /// Id of what was created.
    pub id: String,
}

/// Body of `POST /exec/{id}/start`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct StartRequest {
    /// Do not attach.
    pub detach: bool,
    /// With a terminal; must repeat what the exec was created with.
    pub tty: bool,
    /// Initial height and width of the terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
}

/// Answer to `GET /exec/{id}/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Inspect {
    /// Id of the exec.
    #[serde(rename = "ID")]
    pub id: String,
    /// The process runs.
    pub running: bool,
    /// Exit code, once known.
    pub exit_code: Option<i64>,
    /// What runs.
    pub process_config: ProcessConfig,
    /// Standard input is attached.
    pub open_stdin: bool,
    /// Standard error is attached.
    pub open_stderr: bool,
    /// Standard output is attached.
    pub open_stdout: bool,
    /// It can be forgotten.
    pub can_remove: bool,
    /// Id of the container.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Keys that detach, in base64.
    pub detach_keys: String,
    /// Process id on the host; 0 before the start.
    pub pid: i64,
}

/// The process of an exec.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessConfig {
    /// With a terminal.
    pub tty: bool,
    /// Executable.
    pub entrypoint: String,
    /// Arguments.
    pub arguments: Vec<String>,
    /// With all capabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// `user[:group]`.
    #[serde(skip_serializing_if = "is_zero")]
    pub user: String,
}
