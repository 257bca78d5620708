//! Why a layer is refused.

use std::io;

use teu_oci::digest::Digest;

use crate::error::ErrorKind;

/// A layer that was refused, or could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The blob's bytes are not those that were promised.
    #[error("blob digest is {actual}, expected {expected}")]
    BlobDigest {
        /// What was promised.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The blob is longer or shorter than promised.
    #[error("blob has {actual} bytes, expected {expected}")]
    BlobSize {
        /// What was promised.
        expected: u64,
        /// What came, or how much of it until it was too much.
        actual: u64,
    },
    /// The uncompressed tar is not the one that was promised.
    #[error("diff id is {actual}, expected {expected}")]
    DiffId {
        /// What was promised.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The compressed stream is broken or ends early.
    #[error("cannot decompress: {0}")]
    Decompress(#[source] io::Error),
    /// The tar is malformed.
    #[error("malformed tar at byte {offset}: {reason}")]
    Tar {
        /// Offset of the header in the uncompressed tar.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// An entry would lie outside the root, or cannot be stored as what it says it is.
    #[error("entry {path:?}: {reason}")]
    Entry {
        /// The entry's name, control characters escaped.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A limit was exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What was limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The source of the bytes failed.
    #[error("cannot read the layer: {0}")]
    Read(#[source] io::Error),
    /// The store failed.
    #[error("cannot write the layer: {0}")]
    Write(#[source] io::Error),
}

impl LayerError {
    /// The kind of failure: all but a failing store are the layer's own fault.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Write(_) | Self::Read(_) => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }
}
