//! Opening: choosing the driver, and making files and database agree after whatever happened before.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::init::InitLayers;
use super::spare::Spare;
use super::{DriverKind, Inner, Store, StoreOptions};
use crate::db::Database;
use crate::driver::{self, INGEST, LAYERS};
use crate::error::{Error, Result};
use crate::mounter::{Lower, LowerKind, Mounter, Overlay, Upper};
use crate::reaper::Reaper;
use crate::temporary::{self, Temporary};

/// Name of the database's file.
const DATABASE: &str = "image.db";
/// Name of the folder with the snapshots.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// Name of the folder with what the next snapshot needs.
pub(super) const SPARE: &str = "spare";
/// Name of the folder below images without layers.
pub(super) const EMPTY: &str = "empty";
/// Name of the folder with the init layers.
pub(super) const INIT: &str = "init";

impl Store {
    /// Opens the store under `root`, creating it if need be, and removes what an interrupted operation left.
    ///
    /// # Errors
    /// If the folder or database cannot be used, or the driver asked for cannot work here.
    pub fn open(root: &Path, options: StoreOptions) -> Result<Self> {
        let mut reasons = Vec::new();
        for kind in candidates(root, options.driver) {
            let folder = root.join(kind.name());
            prepare(&folder)?;
            let mounter = Mounter::start(&folder)?;
            match probe(kind, &folder, &mounter) {
                Ok(()) => return Self::assemble(kind, &folder, mounter, &options),
                Err(error) => {
                    tracing::debug!(driver = kind.name(), %error, "storage driver is not usable");
                    reasons.push((kind, error.to_string()));
                }
            }
        }
        let driver = options.driver.unwrap_or(DriverKind::Overlay).name();
        let reason = reasons.pop().map_or_else(String::new, |(_, reason)| reason);
        Err(Error::Driver { driver, reason })
    }

    fn assemble(kind: DriverKind, folder: &Path, mounter: Mounter, options: &StoreOptions) -> Result<Self> {
        let inner = Inner {
            folder: folder.to_owned(),
            limits: options.limits,
            driver: driver::driver(kind, folder, options.limits),
            mounter,
            projects: Mutex::default(),
            namespaces: teu_sys::userns::Known::default(),
            db: Database::open(&folder.join(DATABASE))?,
            holds: Mutex::default(),
            collecting: Mutex::default(),
            configs: Mutex::default(),
            found: Mutex::default(),
            reaper: Reaper::new(),
            spare: Spare::default(),
            init_layers: InitLayers::find(folder)?,
        };
        inner.reconcile()?;
        Ok(Self(Arc::new(inner)))
    }
}

/// Which drivers to try: the one asked for; else those that have images here, else all, best first.
fn candidates(root: &Path, wanted: Option<DriverKind>) -> Vec<DriverKind> {
    if let Some(kind) = wanted {
        return vec![kind];
    }
    let (mut present, absent): (Vec<_>, Vec<_>) =
        DriverKind::ALL.into_iter().partition(|kind| root.join(kind.name()).join(DATABASE).exists());
    present.extend(absent);
    present
}

fn prepare(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    for name in [LAYERS, INGEST, SNAPSHOTS, SPARE, EMPTY, INIT] {
        let path = folder.join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|source| Error::File {
            action: "cannot create",
            path,
            source,
        })?;
    }
    for name in [INGEST, SPARE] {
        let path = folder.join(name);
        temporary::empty(&path).map_err(|source| Error::File { action: "cannot empty", path, source })?;
    }
    Ok(())
}

/// Tries what the driver needs of the kernel: an overlay over a layer with nothing in it.
fn probe(kind: DriverKind, folder: &Path, mounter: &Mounter) -> Result<()> {
    let failed = |source| Error::File { action: "cannot write", path: folder.join(INGEST), source };
    let scratch = Temporary::directory(folder).map_err(failed)?;
    let name = |name: &str| Path::new(INGEST).join(scratch.path().file_name().unwrap_or_default()).join(name);
    for part in ["fs", "work", "layer.d"] {
        std::fs::create_dir(scratch.path().join(part)).map_err(failed)?;
    }
    let lower = match kind {
        DriverKind::Erofs => {
            let path = scratch.path().join("layer");
            let file = std::fs::File::options().write(true).read(true).create_new(true).open(path).map_err(failed)?;
            crate::erofs::probe_image(&file)
                .map_err(|source| Error::Layer { name: "of the probe".to_owned(), source })?;
            Lower::new(super::Digest::of(b"probe"), LowerKind::Image, name("layer"))
        }
        DriverKind::Overlay => Lower::new(super::Digest::of(b"probe"), LowerKind::Directory, name("layer.d")),
    };
    let id = lower.id;
    let upper = Upper { folder: name("fs"), work: name("work"), volatile: false };
    let result = mounter.overlay(Overlay { lowers: vec![lower], upper: Some(upper) });
    mounter.detach(id)?;
    result.map(drop)
}

impl Inner {
    /// Compares files and database in both directions.
    fn reconcile(&self) -> Result<()> {
        let on_disk: HashSet<_> = self.driver.stored()?.into_iter().collect();
        let known = self.db.layers()?;
        for layer in &known {
            if !on_disk.contains(&layer.info.diff_id) {
                let images = self.db.delete_lost_layer(&layer.info.diff_id)?;
                tracing::warn!(layer = %layer.info.diff_id, ?images, "layer is lost, and with it the images");
            }
        }
        let known: HashSet<_> = known.into_iter().map(|layer| layer.info.diff_id).collect();
        for orphan in on_disk.difference(&known) {
            driver::take_out(&self.folder, &driver::layer_path(orphan))?
                .into_iter()
                .for_each(|doomed| self.reaper.remove(doomed));
        }
        self.collect_garbage()?;
        self.reconcile_snapshots()
    }

    /// What has lost its files is forgotten. Files that the database does not know stay: it may have lost its last entries,
    /// and whose they are is known elsewhere ([`Store::snapshot_restore`]).
    fn reconcile_snapshots(&self) -> Result<()> {
        let on_disk: HashSet<String> = self.snapshot_folders()?.into_iter().collect();
        let known = self.db.snapshots()?;
        known.iter().filter(|key| !on_disk.contains(*key)).try_for_each(|key| self.db.delete_snapshot(key).map(drop))
    }
}
