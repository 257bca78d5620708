use std::io;
use std::path::PathBuf;

pub use crate::spawn::ExecReason;

/// Why a container or a process in it could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration asks for what cannot be.
    #[error("invalid configuration: {0}")]
    InvalidSpec(String),
    /// The program is not in the container, or not in any directory of its `PATH`.
    #[error("exec: {program:?}: {reason}")]
    ExecNotFound {
        /// The program as it was asked for.
        program: String,
        /// What was missing.
        reason: String,
    },
    /// The program is there but cannot be executed.
    #[error("exec: {program:?}: {source}")]
    ExecFailed {
        /// The program as it was asked for.
        program: String,
        /// The kernel's reason.
        source: ExecReason,
    },
    /// A step of setting the container up failed.
    #[error("{step}: {source}")]
    Step {
        /// What was being done, with the path or name concerned.
        step: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The container's cgroup.
    #[error(transparent)]
    Cgroup(Box<teu_sys::cgroup::Error>),
    /// A hook failed.
    #[error("{point} hook {path}: {reason}", path = path.display())]
    Hook {
        /// Point of the container's life, such as `createRuntime`.
        point: &'static str,
        /// The hook's executable.
        path: PathBuf,
        /// Exit status, signal or time limit.
        reason: String,
    },
    /// The container's process ended before it was set up.
    #[error("the container's process ended while it was set up")]
    Died,
}

impl Error {
    /// A failed step, for `map_err`.
    pub(crate) fn step(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let step = step.into();
        move |source| Error::Step { step, source }
    }

    /// The exit code that stands for this error: 127 where the program was not found, 126 where it could not be executed,
    /// 125 (by Docker's convention) for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::ExecNotFound { .. } => 127,
            Error::ExecFailed { .. } => 126,
            _ => 125,
        }
    }
}
