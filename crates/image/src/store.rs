//! The store: images, their names and layers, and the snapshots containers run on.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use teu_oci::digest::Digest;
use teu_oci::reference::Reference;

use crate::error::Result;
use crate::layer::{Compression, Expectation, LayerInfo, Limits};
use crate::model::{
    ContainerUse, HistoryEntry, Image, ImageSummary, ImportOptions, ListOptions, Loaded, NewImage, Pruned, Removed,
    Usage,
};
use crate::progress::Progress;

/// How layers are kept and mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// The uncompressed tar with an EROFS index, mounted from the file. Linux 6.12 or newer.
    Erofs,
    /// Directories, one per layer.
    Overlay,
}

impl DriverKind {
    /// Its name, as `--storage-driver` takes it and `info` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Erofs => "erofs",
            Self::Overlay => "overlay",
        }
    }
}

/// How to open a store.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// The driver; by default the best that the kernel can do.
    pub driver: Option<DriverKind>,
    /// Limits on layers.
    pub limits: Limits,
}

/// The image store of one engine. Cheap to clone; every method may be called from any thread and blocks until done.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {}

impl Store {
    /// Opens the store under `root`, creating it if need be, and removes what an interrupted operation left.
    ///
    /// # Errors
    /// If the folder or database cannot be used, or the driver asked for cannot work here.
    pub fn open(root: &Path, options: StoreOptions) -> Result<Self> {
        todo!("{root:?} {options:?}")
    }

    /// The driver in use.
    pub fn driver(&self) -> DriverKind {
        todo!()
    }

    /// Images, newest first.
    ///
    /// # Errors
    /// If a filter is malformed or names an image that does not exist.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>> {
        todo!("{options:?}")
    }

    /// The image with this name (`busybox`, `busybox:1`, `busybox@sha256:…`), id or unambiguous id prefix.
    ///
    /// # Errors
    /// `NoSuchImage`, `AmbiguousPrefix`.
    pub fn resolve(&self, name: &str) -> Result<Image> {
        todo!("{name}")
    }

    /// The bytes of an image's configuration.
    ///
    /// # Errors
    /// `NoSuchImage`.
    pub fn raw_config(&self, image: &Digest) -> Result<Vec<u8>> {
        todo!("{image}")
    }

    /// Reads an archive made by `docker save` or an OCI layout tar, compressed or not.
    ///
    /// # Errors
    /// If the archive is broken; nothing of it is kept then.
    pub fn load(&self, archive: impl Read + Send, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        let _ = archive;
        let _ = progress;
        todo!()
    }

    /// Writes images, by name or id, as one archive that Docker and OCI tools read.
    ///
    /// # Errors
    /// `NoSuchImage`, or if writing fails.
    pub fn save(&self, names: &[String], archive: impl Write) -> Result<()> {
        let _ = archive;
        todo!("{names:?}")
    }

    /// Makes an image of one layer from the tar of a root file system.
    ///
    /// # Errors
    /// If the tar or a change is malformed.
    pub fn import(&self, tar: impl Read + Send, options: &ImportOptions, progress: &dyn Progress) -> Result<Digest> {
        let _ = (tar, progress);
        todo!("{options:?}")
    }

    /// Gives an image a name, taking it from another one if need be.
    ///
    /// # Errors
    /// `NoSuchImage`, `TagIsDigest`.
    pub fn tag(&self, image: &str, target: &Reference) -> Result<()> {
        todo!("{image} {target}")
    }

    /// Takes away a name or deletes an image by Docker's rules. `containers` are all that exist.
    ///
    /// # Errors
    /// `NoSuchImage`, `Conflict`.
    pub fn remove(&self, name: &str, force: bool, containers: &[ContainerUse]) -> Result<Vec<Removed>> {
        todo!("{name} {force} {containers:?}")
    }

    /// Removes images that no container uses: the dangling ones, or with `all` the tagged ones too.
    ///
    /// # Errors
    /// If a filter is malformed.
    pub fn prune(&self, all: bool, options: &ListOptions, containers: &[ContainerUse]) -> Result<Pruned> {
        todo!("{all} {options:?} {containers:?}")
    }

    /// How an image came about, newest step first.
    ///
    /// # Errors
    /// `NoSuchImage`.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryEntry>> {
        todo!("{name}")
    }

    /// Bytes that all layers take on disk, each counted once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn disk_usage(&self) -> Result<u64> {
        todo!()
    }
}

/// Layers and images from elsewhere: what pull, load, import and build are made of.
impl Store {
    /// A writer for one layer: give it the blob's bytes in order, then [`LayerWriter::finish`].
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn layer_writer(&self, expectation: Expectation) -> Result<LayerWriter> {
        todo!("{expectation:?}")
    }

    /// A hold on the layer with this diff id, if it is in the store.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hold_layer(&self, diff_id: &Digest) -> Result<Option<HeldLayer>> {
        todo!("{diff_id}")
    }

    /// A hold on the layer that a blob of this digest was unpacked to earlier, if it still is in the store: it need not
    /// be fetched again.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hold_blob(&self, blob: &Digest) -> Result<Option<HeldLayer>> {
        todo!("{blob}")
    }

    /// Remembers that a registry's repository has this blob for this layer, so that a later push skips it.
    ///
    /// # Errors
    /// If the database fails.
    pub fn remember_blob(&self, blob: &KnownBlob) -> Result<()> {
        todo!("{blob:?}")
    }

    /// The blobs known for a layer, most recent first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn known_blobs(&self, diff_id: &Digest) -> Result<Vec<KnownBlob>> {
        todo!("{diff_id}")
    }

    /// Enters an image whose layers are all in the store (and held by the caller meanwhile); answers its id.
    ///
    /// # Errors
    /// If the configuration does not parse or a layer is missing.
    pub fn create_image(&self, image: &NewImage) -> Result<Digest> {
        todo!("{image:?}")
    }

    /// The uncompressed tar of a layer, byte for byte as it came.
    ///
    /// # Errors
    /// `MissingLayer`.
    pub fn layer_tar(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>> {
        todo!("{diff_id}")
    }
}

/// Snapshots: the writable root file systems of containers, an overlay over an image's layers.
impl Store {
    /// Makes a snapshot of an image. Its layers stay until the snapshot is removed, even when the image goes.
    ///
    /// # Errors
    /// `SnapshotKey`, `SnapshotExists`, `NoSuchImage`.
    pub fn snapshot_prepare(&self, key: &str, image: &Digest) -> Result<()> {
        todo!("{key} {image}")
    }

    /// Mounts a snapshot: a detached overlay mount, ready for `move_mount`. The overlay lives as long as the descriptor or
    /// what it was moved to. Mounting one snapshot twice at a time is undefined, as with any overlay.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `Mount`.
    pub fn snapshot_mount(&self, key: &str) -> Result<OwnedFd> {
        todo!("{key}")
    }

    /// Removes a snapshot and all that was written to it. Removing one that does not exist is no error.
    ///
    /// # Errors
    /// If files cannot be removed.
    pub fn snapshot_remove(&self, key: &str) -> Result<()> {
        todo!("{key}")
    }

    /// The keys of all snapshots, sorted.
    ///
    /// # Errors
    /// If the database fails.
    pub fn snapshots(&self) -> Result<Vec<String>> {
        todo!()
    }

    /// What was written to a snapshot takes on disk (`SizeRw`); walks it.
    ///
    /// # Errors
    /// `NoSuchSnapshot`.
    pub fn snapshot_usage(&self, key: &str) -> Result<Usage> {
        todo!("{key}")
    }
}

/// A layer on its way into the store. Dropped before [`Self::finish`], it leaves nothing behind.
pub struct LayerWriter(());

impl LayerWriter {
    /// Takes the blob's next bytes; blocks while the stages behind are busy.
    ///
    /// # Errors
    /// If the layer was found to be bad, or could not be written; the same error comes from [`Self::finish`].
    pub fn write(&mut self, bytes: bytes::Bytes) -> Result<()> {
        todo!("{bytes:?}")
    }

    /// Bytes taken so far: where to resume a transfer.
    pub fn position(&self) -> u64 {
        todo!()
    }

    /// Says that the blob is complete: verifies it and publishes the layer.
    ///
    /// # Errors
    /// If the layer is not what was expected or breaks a rule.
    pub fn finish(self) -> Result<HeldLayer> {
        todo!()
    }
}

/// A layer in the store that garbage collection leaves alone as long as this value lives.
pub struct HeldLayer {
    /// What is known of it.
    pub info: LayerInfo,
    /// Digest of the blob it came as, when it was just written.
    pub blob: Option<Digest>,
    /// How that blob was compressed.
    pub compression: Compression,
}

/// A blob in a registry that holds a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBlob {
    /// The layer.
    pub diff_id: Digest,
    /// Digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// The repository, `docker.io/library/busybox`.
    pub repository: String,
}
