//! Why a configuration is refused.

use std::path::PathBuf;

/// A refused configuration; messages are Docker's where it has the case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// Something about the file or its combination with the flags.
    #[error("unable to configure the daemon with file {}: {problem}", path.display())]
    File { path: PathBuf, problem: FileProblem },
    /// A flag's value.
    #[error("invalid argument \"{value}\" for \"--{flag}\" flag: {reason}")]
    Flag { flag: &'static str, value: String, reason: String },
    /// A value that is out of range or contradicts another.
    #[error("{0}")]
    Invalid(String),
    /// Something that is not built and that would be missed.
    #[error("--{0} is not supported yet")]
    Unsupported(&'static str),
}

/// What is wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("open {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot read the configuration as a JSON object")]
    NotAnObject,
    #[error("the following directives don't match any configuration option: {}", .0.join(", "))]
    Unknown(Vec<String>),
    #[error("{key}: {found} is no {wanted}")]
    Type { key: String, found: String, wanted: &'static str },
    #[error("the following directives are specified both as a flag and in the configuration file: {}", .0.join(", "))]
    Conflict(Vec<String>),
    #[error("merged configuration validation from file and command line flags failed: {0}")]
    Merged(String),
}
