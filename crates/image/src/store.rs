//! The store: images, their names and layers, and the snapshots containers run on.
//!
//! ```text
//! <root>/<driver>/image.db           metadata (see `db`)
//!                 layers/<diff id>   one file or folder per layer
//!                 ingest/            layers on their way in
//!                 snapshots/<key>/   fs (what was written), work or work.init (overlayfs' own)
//!                 init/<image>/      what containers have between the image's layers and what they write (see `init`)
//!                 empty/             the lower folder of images without layers
//! ```

mod changes;
mod history;
mod ids;
mod import;
mod init;
pub(crate) mod layers;
mod list;
mod load;
mod open;
mod quota;
mod remove;
mod resolve;
mod save;
mod snapshot;
mod spare;
mod usage;

pub use changes::{Change, ChangeKind, CommitOptions};
pub use layers::{HeldLayer, KnownBlob, LayerWriter};
pub use snapshot::SnapshotOptions;
pub use usage::{ImageUsage, StoreUsage};

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use teu_oci::digest::Digest;
use teu_oci::image::ImageConfig;

use self::init::InitLayers;
use self::spare::Spare;
use crate::db::Database;
use crate::driver::Driver;
use crate::layer::Limits;
use crate::model::Image;
use crate::mounter::Mounter;
use crate::reaper::Reaper;

/// How layers are kept and mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// The uncompressed tar with an EROFS index, mounted from the file. Linux 6.12 or newer.
    Erofs,
    /// Directories, one per layer.
    Overlay,
}

impl DriverKind {
    /// Every one of them, best first.
    pub(crate) const ALL: [Self; 2] = [Self::Erofs, Self::Overlay];

    /// Its name, as `--storage-driver` takes it and `info` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Erofs => "erofs",
            Self::Overlay => "overlay",
        }
    }

    /// The driver of this name; Docker's `overlay2` is ours too.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "erofs" => Some(Self::Erofs),
            "overlay" | "overlay2" => Some(Self::Overlay),
            _ => None,
        }
    }
}

/// How to open a store.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// The driver; by default that of the images there are, else the best that the kernel can do.
    pub driver: Option<DriverKind>,
    /// Limits on layers.
    pub limits: Limits,
}

/// The image store of one engine. Cheap to clone; every method may be called from any thread and blocks until done.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// The driver's folder.
    folder: PathBuf,
    limits: Limits,
    driver: Arc<dyn Driver>,
    mounter: Mounter,
    /// Held while a snapshot gets its project's number.
    projects: Mutex<()>,
    /// Of snapshots for user namespaces.
    namespaces: teu_sys::userns::Known,
    db: Database,
    /// Layers that must stay although nothing in the database refers to them, and by how many [`HeldLayer`]s each is held.
    /// Locked before the database is asked, so that no layer is collected between being found and being held.
    holds: Mutex<HashMap<Digest, usize>>,
    /// Held while garbage is collected, and from the moment on that an image is deleted until its layers are: what is deleted with it
    /// is told by whoever deletes it.
    collecting: Mutex<()>,
    /// Removes layers that were taken out of their place.
    reaper: Reaper,
    /// Folders for the next snapshot.
    spare: Spare,
    /// The init layers there are.
    init_layers: InitLayers,
    /// Parsed configurations: `run` needs one each time.
    configs: Mutex<HashMap<Digest, Arc<ImageConfig>>>,
    /// Images by what they were asked for, each with the database's edition that it was found in.
    found: Mutex<HashMap<String, (u64, Image)>>,
}

impl Store {
    /// Gets everything onto the disk that was entered before. Images are there when they are answered; snapshots, on the
    /// way of a container's start, are not.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn sync(&self) -> crate::Result<()> {
        self.0.db.sync()
    }

    /// Databases that were found damaged and are kept.
    #[must_use]
    pub fn damaged(&self) -> Vec<PathBuf> {
        crate::database::kept(&self.0.folder)
    }

    /// The driver in use.
    pub fn driver(&self) -> DriverKind {
        self.0.driver.kind()
    }
}

/// Now, in seconds since 1970 UTC.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A time as images write it, in seconds since 1970 UTC; 0 if there is none or it makes no sense.
fn seconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_second)
}
