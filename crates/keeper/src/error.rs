//! Why a request could not be served.

use std::io;
use std::path::PathBuf;

use crate::protocol::Failure;

/// Errors of the daemon's end of the connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keeper answered that it could not do what was asked.
    #[error("{0}")]
    Refused(#[from] Failure),
    /// The connection ended before the answer came: the keeper died or was replaced. Whether the request took effect
    /// is told by [`Request::List`](crate::protocol::Request::List) once a keeper is back.
    #[error("the keeper is gone")]
    Gone,
    /// The keeper could not be reached.
    #[error("cannot connect to the keeper at {}: {source}", path.display())]
    Connect {
        /// Its socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No keeper could be started.
    #[error("cannot start a keeper from {}: {reason}", exe.display())]
    Spawn {
        /// The executable that was to run.
        exe: PathBuf,
        /// What it or the kernel said.
        reason: String,
    },
    /// The other end is not a process of this user.
    #[error("the process at the keeper's socket {} belongs to user {uid}", path.display())]
    Credentials {
        /// The socket.
        path: PathBuf,
        /// Whom the other end belongs to.
        uid: u32,
    },
    /// The keeper speaks a protocol that this daemon does not.
    #[error(
        "the keeper that holds the containers speaks protocol {keeper}, this daemon speaks {daemon}: start the version of Teu \
         that the keeper is of (it runs {})", exe.display()
    )]
    Version {
        /// The keeper's.
        keeper: u32,
        /// This side's, [`protocol::VERSION`](crate::protocol::VERSION).
        daemon: u32,
        /// What the keeper executes.
        exe: std::path::PathBuf,
    },
    /// Bytes on the connection made no sense.
    #[error("malformed message from the keeper: {0}")]
    Malformed(String),
    /// A file or a socket failed.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: impl Into<String>, source: impl Into<io::Error>) -> Error {
        Error::Io { action: action.into(), source: source.into() }
    }
}
