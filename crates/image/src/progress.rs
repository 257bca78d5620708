//! How long operations tell their caller where they are.

/// Receives what a long operation does. Called from several threads.
pub trait Progress: Send + Sync {
    /// Something changed. Must not block: it is called between two buffers of a stream.
    fn update(&self, update: Update<'_>);
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// What it is about: the short id of a layer.
    pub id: &'a str,
    /// What happens to it.
    pub status: Status,
    /// Bytes done.
    pub current: u64,
    /// Bytes in all, if known.
    pub total: Option<u64>,
}

/// What happens to a layer. Displayed as Docker words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Waiting for its turn.
    PullingFsLayer,
    /// Waiting for a free slot.
    Waiting,
    /// Bytes arrive from a registry.
    Downloading,
    /// All bytes arrived and are verified.
    DownloadComplete,
    /// Being written (only where that is a step of its own).
    Extracting,
    /// In the store.
    PullComplete,
    /// Was in the store already.
    AlreadyExists,
    /// Bytes arrive from an archive.
    LoadingLayer,
    /// Bytes of a root file system arrive.
    Importing,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PullingFsLayer => "Pulling fs layer",
            Self::Waiting => "Waiting",
            Self::Downloading => "Downloading",
            Self::DownloadComplete => "Download complete",
            Self::Extracting => "Extracting",
            Self::PullComplete => "Pull complete",
            Self::AlreadyExists => "Already exists",
            Self::LoadingLayer => "Loading layer",
            Self::Importing => "Importing",
        })
    }
}

/// Tells nobody.
impl Progress for () {
    fn update(&self, _: Update<'_>) {}
}
