//! Errors of the image store and what kind of failure each is.

use std::io;
use std::path::PathBuf;

use teu_oci::digest::Digest;
use teu_oci::reference::ParseReferenceError;

use crate::layer::LayerError;

/// A failed operation of the image store. Where Docker clients match on a text, the text is Docker's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No image has this name or id.
    #[error("No such image: {0}")]
    NoSuchImage(String),
    /// No image reference of this name, though the image exists.
    #[error("No such image: {0}")]
    NoSuchReference(String),
    /// An id prefix matches more than one image.
    #[error("multiple IDs found with provided prefix: {0}")]
    AmbiguousPrefix(String),
    /// A name is no reference.
    #[error(transparent)]
    Reference(#[from] ParseReferenceError),
    /// A reference with a digest was given as the target of a tag.
    #[error("refusing to create a tag with a digest reference")]
    TagIsDigest,
    /// Containers or other references are in the way of a removal.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// A layer was refused.
    #[error("layer {name}: {source}")]
    Layer {
        /// The layer's digest or its name in an archive.
        name: String,
        /// Why.
        source: LayerError,
    },
    /// An archive given to `load` is broken.
    #[error("invalid archive: {0}")]
    Archive(String),
    /// An image configuration, manifest or index does not parse.
    #[error("invalid {what}: {source}")]
    Document {
        /// Which document.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// An image's configuration and its layers do not belong together.
    #[error("image {image}: {reason}")]
    Inconsistent {
        /// The image's id.
        image: Digest,
        /// What does not fit.
        reason: String,
    },
    /// A layer that an image needs is not in the store.
    #[error("layer {0} is not in the store")]
    MissingLayer(Digest),
    /// A filter of `list` or `prune` is unknown or malformed.
    #[error("invalid filter '{0}'")]
    Filter(String),
    /// A `--change` of `import` is malformed or not allowed there.
    #[error("{reason}")]
    Change {
        /// The instruction as given.
        change: String,
        /// Why it is refused.
        reason: String,
    },
    /// The file system keeps no account of what a snapshot takes.
    #[error(
        "--storage-opt is supported only for overlay over xfs with 'pquota' mount option, or over ext4 (made with \
         -O quota,project) with 'prjquota': {} is on {kind} without project quotas: {source}", folder.display()
    )]
    Quota {
        /// The store's folder.
        folder: PathBuf,
        /// Its file system.
        kind: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// There is no snapshot of this key.
    #[error("no such snapshot: {0}")]
    NoSuchSnapshot(String),
    /// There is a snapshot of this key already.
    #[error("snapshot {0} exists already")]
    SnapshotExists(String),
    /// A snapshot key could leave its folder or is too long.
    #[error("invalid snapshot key {0:?}: 1 to 128 of a-z A-Z 0-9 _ . - are allowed")]
    SnapshotKey(String),
    /// The driver asked for cannot work here.
    #[error("storage driver {driver} is not usable on this machine: {reason}")]
    Driver {
        /// Its name.
        driver: &'static str,
        /// What is missing.
        reason: String,
    },
    /// A mount failed.
    #[error("cannot mount {what}: {source}")]
    Mount {
        /// What was to be mounted.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file of the store cannot be used.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried, `cannot open`.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The stream read from or written to failed.
    #[error("{what}: {source}")]
    Stream {
        /// Which stream.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The database was written by a newer version.
    #[error("image database {} has version {found}, this version knows {known}", path.display())]
    DatabaseVersion {
        /// The database's file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version known here.
        known: i64,
    },
    /// The metadata database failed.
    #[error("image database: {0}")]
    Database(#[from] rusqlite::Error),
}

/// What is in the way of a removal; the texts are Docker's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The last name of an image that a container uses.
    #[error(
        "unable to remove repository reference \"{reference}\" (must force) - container {container} is using its referenced image {image}"
    )]
    ReferenceInUse {
        /// The name as given.
        reference: String,
        /// Short id of the container.
        container: String,
        /// Short id of the image.
        image: String,
    },
    /// A running container uses the image.
    #[error("unable to delete {image} (cannot be forced) - image is being used by running container {container}")]
    RunningContainer {
        /// Short id of the image.
        image: String,
        /// Short id of the container.
        container: String,
    },
    /// A stopped container uses the image.
    #[error("unable to delete {image} (must be forced) - image is being used by stopped container {container}")]
    StoppedContainer {
        /// Short id of the image.
        image: String,
        /// Short id of the container.
        container: String,
    },
    /// Names in several repositories point to the image.
    #[error("unable to delete {image} (must be forced) - image is referenced in multiple repositories")]
    MultipleRepositories {
        /// Short id of the image.
        image: String,
    },
}

/// What a caller tells its own caller about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was named does not exist.
    NotFound,
    /// The state of something else forbids it.
    Conflict,
    /// The request or what came with it is wrong.
    Invalid,
    /// This machine cannot do it.
    Unsupported,
    /// The store or the machine failed.
    Internal,
}

impl Error {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchImage(_) | Self::NoSuchReference(_) | Self::NoSuchSnapshot(_) => ErrorKind::NotFound,
            Self::Conflict(_) | Self::SnapshotExists(_) => ErrorKind::Conflict,
            Self::AmbiguousPrefix(_)
            | Self::Reference(_)
            | Self::TagIsDigest
            | Self::Archive(_)
            | Self::Document { .. }
            | Self::Inconsistent { .. }
            | Self::Filter(_)
            | Self::Change { .. }
            | Self::SnapshotKey(_)
            | Self::Quota { .. } => ErrorKind::Invalid,
            Self::Layer { source, .. } => source.kind(),
            Self::Driver { .. } | Self::DatabaseVersion { .. } => ErrorKind::Unsupported,
            Self::MissingLayer(_)
            | Self::Mount { .. }
            | Self::File { .. }
            | Self::Stream { .. }
            | Self::Database(_) => ErrorKind::Internal,
        }
    }
}

/// The result of the store's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;
