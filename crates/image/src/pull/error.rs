//! Why a pull failed.

use crate::{Error, ErrorKind};
use teu_oci::digest::Digest;

/// A failed pull. Where Docker clients match on a text, the text is Docker's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// The registry refused, or could not be reached.
    #[error(transparent)]
    Registry(#[from] teu_registry::Error),
    /// The store could not take it, or refused a layer.
    #[error(transparent)]
    Store(#[from] Error),
    /// The index has nothing for the platform.
    #[error("no matching manifest for {platform} in the manifest list entries")]
    NoMatchingManifest {
        /// The platform asked for.
        platform: String,
    },
    /// The image is for another platform than the one asked for.
    #[error(
        "image with reference {reference} was found but does not match the specified platform: wanted {wanted}, actual: {actual}"
    )]
    WrongPlatform {
        /// The image.
        reference: String,
        /// What was asked for.
        wanted: String,
        /// What it is for.
        actual: String,
    },
    /// Something else than an image.
    #[error("{reference} is no image that can be run: media type {media_type:?} is not supported")]
    MediaType {
        /// What was pulled.
        reference: String,
        /// Its media type.
        media_type: String,
    },
    /// A document does not parse.
    #[error("invalid {what}: {source}")]
    Document {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Content is not what its digest says.
    #[error("{what}: digest is {actual}, expected {expected}")]
    Digest {
        /// Which document.
        what: &'static str,
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Indexes within indexes without end.
    #[error("indexes are nested more than {0} deep")]
    Nesting(usize),
    /// The configuration is larger than any real one.
    #[error("image configuration has {size} bytes, more than the limit of {limit}")]
    ConfigSize {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Manifest and configuration do not belong together.
    #[error("the manifest has {layers} layers but the configuration {diff_ids}")]
    LayerCount {
        /// Layers of the manifest.
        layers: usize,
        /// Diff ids of the configuration.
        diff_ids: usize,
    },
    /// The engine is ending.
    #[error("the pull was cancelled")]
    Cancelled,
}

impl PullError {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use teu_registry::Error as Registry;
        match self {
            Self::Registry(Registry::Denied { .. } | Registry::ManifestUnknown { .. }) => ErrorKind::NotFound,
            Self::NoMatchingManifest { .. } | Self::WrongPlatform { .. } => ErrorKind::NotFound,
            Self::Registry(Registry::Address { .. }) => ErrorKind::Invalid,
            Self::Store(error) => error.kind(),
            _ => ErrorKind::Internal,
        }
    }
}
