use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

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
    #[error("exec: {program:?}: {reason}")]
    ExecFailed {
        /// The program as it was asked for.
        program: String,
        /// The kernel's reason.
        reason: Reason,
    },
    /// A step of setting the container up failed.
    #[error("{step}: {reason}")]
    Step {
        /// What was being done, with the path or name concerned.
        step: String,
        /// The kernel's reason.
        reason: Reason,
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
        move |error| Error::Step { step, reason: Reason(error) }
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

/// A kernel's reason, shown in lower case and without its number, as Docker's clients know it.
#[derive(Debug)]
pub struct Reason(pub(crate) io::Error);

impl Reason {
    /// From an error number.
    pub(crate) fn from_errno(errno: i32) -> Self {
        Reason(io::Error::from_raw_os_error(errno))
    }

    /// The kernel's error.
    pub fn error(&self) -> &io::Error {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(known) = Errno::from_io_error(&self.0).and_then(go_text) {
            return f.write_str(known);
        }
        let text = self.0.to_string();
        let text = text.split(" (os error").next().unwrap_or_default();
        let mut letters = text.chars();
        // An abbreviation keeps its case.
        let first = letters
            .next()
            .map(|c| if text.chars().nth(1).is_some_and(char::is_lowercase) { c.to_ascii_lowercase() } else { c });
        write!(f, "{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
    }
}

/// What Go says where it differs from the C library.
fn go_text(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::NOEXEC => "exec format error",
        Errno::LOOP => "too many levels of symbolic links",
        Errno::NODEV => "no such device",
        Errno::NOTDIR => "not a directory",
        Errno::BUSY => "device or resource busy",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_lower_case_and_without_numbers() {
        assert_eq!(Reason::from_errno(2).to_string(), "no such file or directory");
        assert_eq!(Reason::from_errno(13).to_string(), "permission denied");
        assert_eq!(Reason::from_errno(21).to_string(), "is a directory");
        assert_eq!(Reason::from_errno(8).to_string(), "exec format error");
        let own = io::Error::new(io::ErrorKind::InvalidInput, "X is odd");
        assert_eq!(Reason(own).to_string(), "X is odd");
    }
}
