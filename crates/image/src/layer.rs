//! Layers: how they come into the store, and what is known of them.

pub(crate) mod decompress;
mod error;
mod limits;
pub(crate) mod path;
pub(crate) mod tree;

pub use error::LayerError;
pub use limits::Limits;

use teu_oci::digest::Digest;

/// What the store knows of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Digest of the uncompressed tar: the layer's identity.
    pub diff_id: Digest,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Sum of the sizes of the regular files in it: what Docker counts as a layer's size.
    pub content_size: u64,
    /// Number of tar entries.
    pub entries: u64,
    /// Bytes the layer takes in the store.
    pub disk_size: u64,
}

/// What a layer must turn out to be.
#[derive(Clone, Debug, Default)]
pub struct Expectation {
    /// Digest of the blob as it arrives (compressed or not).
    pub blob: Option<Digest>,
    /// Size of the blob as it arrives, in bytes.
    pub blob_size: Option<u64>,
    /// Digest of the uncompressed tar.
    pub diff_id: Option<Digest>,
}

/// How a layer's blob was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// gzip, RFC 1952, one or more members.
    Gzip,
    /// Zstandard, RFC 8878, one or more frames.
    Zstd,
}
