//! What can go wrong in the engine, in the words Docker's clients match on.

/// A failed engine operation. Its text is what a client is shown; [`Error::kind`] decides the status.
///
/// Texts that begin with a capital letter are Docker's own: clients and scripts compare them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No container has this name, id or id prefix.
    #[error("No such container: {0}")]
    NoSuchContainer(String),
    /// No exec instance has this id.
    #[error("No such exec instance: {0}")]
    NoSuchExec(String),
    /// No image has this name, id or id prefix.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// No network has this name, id or id prefix.
    #[error("network {0} not found")]
    NoSuchNetwork(String),
    /// More than one object matches an id prefix.
    #[error("Multiple IDs found with provided prefix: {0}")]
    AmbiguousPrefix(String),
    /// A container name is taken.
    #[error(
        "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    )]
    NameInUse {
        /// The name, without its slash.
        name: String,
        /// The container that has it.
        id: String,
    },
    /// An operation needs a running container.
    #[error("container {0} is not running")]
    NotRunning(String),
    /// A signal cannot be sent.
    #[error("cannot kill container: {container}: {reason}")]
    CannotKill {
        /// What the caller named.
        container: String,
        /// Why not.
        reason: String,
    },
    /// A container is in a state that excludes the operation.
    #[error("{0}")]
    Conflict(String),
    /// The container is already in the wanted state; nothing was done.
    #[error("container {0} is already in the requested state")]
    NotModified(String),
    /// The request cannot be carried out as written.
    #[error("{0}")]
    Invalid(String),
    /// The request asks for something that is not built.
    #[error("{0} is not supported yet")]
    Unsupported(String),
    /// Access to something outside the engine was refused, for example by a registry.
    #[error("{0}")]
    Forbidden(String),
    /// Credentials were refused by a registry.
    #[error("{0}")]
    Unauthorized(String),
    /// A named thing outside the engine does not exist, for example an image at a registry.
    #[error("{0}")]
    NotFound(String),
    /// A log that is kept elsewhere only.
    #[error("configured logging driver does not support reading")]
    Unreadable,
    /// A part of the engine does not answer at the moment.
    #[error("{0}")]
    Unavailable(String),
    /// The container's process could not be started.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The state database failed.
    #[error("state database")]
    Store(#[from] rusqlite::Error),
    /// The kernel gives no random numbers, without which nothing can be named.
    #[error("no random numbers: {0}: allow the system call getrandom, or make /dev/urandom")]
    Random(String),
    /// What is known of a container cannot be put into words.
    #[error("a container cannot be stored: {0}")]
    Unstorable(serde_json::Error),
    /// The state database is of another version of Teu.
    #[error(
        "state.db has format {found}, this version of Teu knows format {known}: start the version that wrote it, or give \
         another --data-root"
    )]
    StateVersion {
        /// The format it has.
        found: String,
        /// The format that is known.
        known: i64,
    },
    /// A file of the engine could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It cannot be done, in Docker's words, of which the whole message consists.
    #[error("{0}")]
    Failed(String),
    /// A network could not be set up.
    #[error("{0}")]
    Network(String),
    /// One of the engine's parts failed.
    #[error("{part}: {message}")]
    Part {
        /// Which part: `image`, `network`, `keeper`.
        part: &'static str,
        /// What it said, with its sources.
        message: String,
    },
    /// The keeper died over a request.
    #[error("the keeper died before it answered")]
    KeeperLost,
    /// The engine is going down and takes no more work.
    #[error("the engine is shutting down")]
    ShuttingDown,
}

/// The class of an [`Error`], from which a status code follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request is malformed or asks for the impossible (400).
    InvalidParameter,
    /// What the request names does not exist (404).
    NotFound,
    /// The state of what the request names excludes it (409).
    Conflict,
    /// Nothing to do (304).
    NotModified,
    /// Refused (403).
    Forbidden,
    /// Wrong credentials (401).
    Unauthorized,
    /// Not built (501).
    NotImplemented,
    /// Not now (503).
    Unavailable,
    /// The engine's own fault (500).
    Internal,
}

/// Why a container's process did not start; Docker's exit codes follow from it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// What the runtime said, with Docker's words in front.
    pub message: String,
    /// What the container's exit code is set to: 127 (command not found), 126 (cannot be executed) or 128 (anything else).
    pub exit_code: i32,
}

impl Error {
    /// The class of this error.
    pub fn kind(&self) -> Kind {
        match self {
            Error::NoSuchContainer(_)
            | Error::NoSuchExec(_)
            | Error::NoSuchImage(_)
            | Error::NoSuchNetwork(_)
            | Error::NotFound(_) => Kind::NotFound,
            Error::AmbiguousPrefix(_) | Error::Invalid(_) => Kind::InvalidParameter,
            Error::NameInUse { .. } | Error::NotRunning(_) | Error::CannotKill { .. } | Error::Conflict(_) => {
                Kind::Conflict
            }
            Error::NotModified(_) => Kind::NotModified,
            Error::Unsupported(_) | Error::Unreadable => Kind::NotImplemented,
            Error::Forbidden(_) => Kind::Forbidden,
            Error::Unauthorized(_) => Kind::Unauthorized,
            Error::Unavailable(_) | Error::KeeperLost | Error::ShuttingDown => Kind::Unavailable,
            // Docker answers 400 when the command is missing or cannot be executed.
            Error::Start(e) if matches!(e.exit_code, 126 | 127) => Kind::InvalidParameter,
            Error::Start(_)
            | Error::Random(_)
            | Error::Unstorable(_)
            | Error::StateVersion { .. }
            | Error::Store(_)
            | Error::File { .. }
            | Error::Failed(_)
            | Error::Network(_)
            | Error::Part { .. } => Kind::Internal,
        }
    }
}
