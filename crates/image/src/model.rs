//! What the store answers.

use std::sync::Arc;

use teu_oci::digest::Digest;
use teu_oci::image::ImageConfig;
use teu_oci::reference::Reference;

/// An image, as `inspect` and `run` need it.
#[derive(Clone, Debug)]
pub struct Image {
    /// Digest of the configuration's bytes.
    pub id: Digest,
    /// The parsed configuration.
    pub config: Arc<ImageConfig>,
    /// Tagged references, sorted.
    pub tags: Vec<Reference>,
    /// References by manifest digest (`RepoDigests`), sorted.
    pub digests: Vec<Reference>,
    /// Sum of the layers' content sizes in bytes.
    pub size: u64,
    /// The image this one was made from, if it was made here.
    pub parent: Option<Digest>,
    /// When a tag was last moved to it, seconds since 1970 UTC.
    pub last_tagged: Option<i64>,
}

/// A line of `images`.
#[derive(Clone, Debug)]
pub struct ImageSummary {
    /// Digest of the configuration's bytes.
    pub id: Digest,
    /// Parent, if it was made here.
    pub parent: Option<Digest>,
    /// Tagged references, sorted.
    pub tags: Vec<Reference>,
    /// References by manifest digest, sorted.
    pub digests: Vec<Reference>,
    /// When the image was made, seconds since 1970 UTC; 0 when it does not say.
    pub created: i64,
    /// Sum of the layers' content sizes in bytes.
    pub size: u64,
    /// Bytes of it in layers that other images use too; only if asked for.
    pub shared_size: Option<u64>,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
}

/// Which images `list` answers. Empty members do not filter. Values of one member are alternatives, as with Docker.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// Only images without (`true`) or with (`false`) a tag.
    pub dangling: Option<bool>,
    /// `name` or `name=value`; all must match.
    pub labels: Vec<String>,
    /// Patterns of references, `busybox`, `*:1.*`, `localhost:5000/*/*`.
    pub references: Vec<String>,
    /// Only images made before this one (name or id).
    pub before: Option<String>,
    /// Only images made after this one (name or id).
    pub since: Option<String>,
    /// Only images made before this time, seconds since 1970 UTC.
    pub until: Option<i64>,
    /// Whether to compute [`ImageSummary::shared_size`].
    pub shared_size: bool,
}

/// A line of `history`, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The image's id on the newest line, `None` (`<missing>`) elsewhere.
    pub id: Option<Digest>,
    /// Seconds since 1970 UTC, 0 when unknown.
    pub created: i64,
    /// The command.
    pub created_by: String,
    /// Tags, on the newest line.
    pub tags: Vec<String>,
    /// Content size of the layer, 0 for steps without one.
    pub size: u64,
    /// Free text.
    pub comment: String,
}

/// One image that `load` brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its id.
    pub id: Digest,
    /// The names it got, in the archive's order.
    pub tags: Vec<Reference>,
    /// Names that other images had before, and which.
    pub replaced: Vec<(Reference, Digest)>,
}

/// A record of `rmi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away: familiar form.
    Untagged {
        /// The name, familiar form.
        reference: String,
        /// The image it pointed to.
        image: Digest,
    },
    /// An image is gone.
    DeletedImage(Digest),
    /// A layer is gone: its chain id, as Docker reports it.
    DeletedLayer(Digest),
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untagged { reference, .. } => write!(f, "Untagged: {reference}"),
            Self::DeletedImage(digest) | Self::DeletedLayer(digest) => write!(f, "Deleted: {digest}"),
        }
    }
}

/// A container, as removal looks at it.
#[derive(Clone, Debug)]
pub struct ContainerUse {
    /// The container's id.
    pub container: String,
    /// The image it was made from.
    pub image: Digest,
    /// Whether it runs (paused and restarting count).
    pub running: bool,
}

/// What `prune` did.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// The records, as of `rmi`.
    pub removed: Vec<Removed>,
    /// Bytes given back on disk.
    pub reclaimed: u64,
}

/// How `import` makes an image.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The name to give it.
    pub reference: Option<Reference>,
    /// Dockerfile instructions: `CMD ["sh"]`, `ENV A=b`, …
    pub changes: Vec<String>,
    /// Text of the history entry.
    pub message: String,
    /// Platform; that of this machine if `None`.
    pub platform: Option<teu_oci::image::Platform>,
}

/// An image to enter in the store, its layers being there already.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// The configuration's bytes, whose digest is the id.
    pub config: Vec<u8>,
    /// Tags to move to it.
    pub tags: Vec<Reference>,
    /// References by manifest digest under which it was pulled or pushed.
    pub digests: Vec<Reference>,
    /// The image it was made from.
    pub parent: Option<Digest>,
}

/// What a snapshot takes on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes allocated.
    pub bytes: u64,
    /// Files, directories and everything else.
    pub inodes: u64,
}
