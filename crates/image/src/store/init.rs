//! Init layers: what containers have in their root only because they are containers, `/.dockerenv` and mount points.
//!
//! Docker's term and place: a layer of each image, above its own and below what its containers write. It is made when the
//! first container of an image is made, and goes with the image and the last snapshot of it. The image itself does not have it:
//! it is in no digest, size or commit.
//!
//! Whether a snapshot is over it never changes, since overlayfs knows no other layers below what was once written. The name of a
//! folder of the snapshot tells (`WORK_OVER_INIT`). What is in the layer is derived from the image alone: one that is lost is made again.

mod content;

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use teu_oci::digest::Digest;

use super::Inner;
use super::layers::MAX_LAYERS;
use super::open::INIT;
use super::snapshot::{UPPER, WORK, create_folders, empty};
use crate::driver::{self, INGEST};
use crate::error::{Error, Result};
use crate::mounter::{Lower, LowerKind, Overlay, Upper};
use crate::temporary::Temporary;

/// The most layers of an image that has an init layer: together with that, and what was written (`Store::snapshot_view`), they
/// are as many as overlayfs takes.
const MAX_BELOW: usize = MAX_LAYERS - 2;

/// The images whose init layers are in their place.
pub(super) struct InitLayers(Mutex<HashSet<Digest>>);

impl InitLayers {
    /// Finds those that are on disk.
    pub(super) fn find(store: &Path) -> Result<Self> {
        let path = store.join(INIT);
        let failed = |source| Error::File { action: "cannot list", path: path.clone(), source };
        let mut found = HashSet::new();
        for entry in fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            found.extend(name.to_str().and_then(|name| Digest::from_hex(name).ok()));
        }
        Ok(Self(Mutex::new(found)))
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Makes sure of an image's init layer, for a new snapshot. False if the snapshot has to do without, which no container
    /// fails for. The snapshot is entered already: so the image's layers stay, and what is made here, too.
    pub(super) fn ensure_init_layer(&self, key: &str, image: &Digest) -> bool {
        let made = if self.init_layers.lock().contains(image) { Ok(true) } else { self.make_init_layer(key, image) };
        made.unwrap_or_else(|error| {
            tracing::warn!(%image, %error, "the init layer could not be made: a container goes without");
            false
        })
    }

    /// The init layer below a snapshot that has one.
    pub(super) fn init_lower(&self, key: &str, image: &Digest) -> Result<Lower> {
        let is_there = self.init_layers.lock().contains(image);
        if !is_there {
            tracing::warn!(%image, "an init layer was lost and is made again");
            self.make_init_layer(key, image)?;
        }
        Ok(Lower::new(layer_id(image), LowerKind::Directory, place(image)))
    }

    /// Its folder.
    pub(super) fn init_folder(&self, image: &Digest) -> PathBuf {
        self.folder.join(place(image))
    }

    /// Whether the init layer of an image was taken out of its place by somebody else; if so, it is made again when it is needed.
    pub(super) fn has_lost_init_layer(&self, image: &Digest) -> bool {
        let mut known = self.init_layers.lock();
        let is_lost = known.contains(image) && !self.init_folder(image).is_dir();
        if is_lost {
            known.remove(image);
            // Where its ids are mapped, what is attached is not what will be there.
            drop(self.mounter.detach(layer_id(image)));
        }
        is_lost
    }

    /// Removes the init layers of images that are gone with their snapshots. What cannot be removed is tried again.
    pub(super) fn collect_init_layers(&self) {
        // Held all the time: who has entered a snapshot finds its init layer here, or none.
        let mut known = self.init_layers.lock();
        known.retain(|image| match self.collect_init_layer(image) {
            Ok(is_gone) => !is_gone,
            Err(error) => {
                tracing::warn!(%image, %error, "an init layer could not be removed");
                true
            }
        });
    }

    fn collect_init_layer(&self, image: &Digest) -> Result<bool> {
        if self.db.is_image_needed(image)? {
            return Ok(false);
        }
        self.mounter.detach(layer_id(image))?;
        let doomed = driver::take_out(&self.folder, &place(image))?;
        doomed.into_iter().for_each(|doomed| self.reaper.remove(doomed));
        Ok(true)
    }

    /// Makes the init layer of a snapshot's image. False if the image has too many layers.
    fn make_init_layer(&self, key: &str, image: &Digest) -> Result<bool> {
        let mut lowers: Vec<_> = self.db.snapshot_layers(key)?.iter().map(|layer| self.driver.lower(layer)).collect();
        if lowers.len() > MAX_BELOW {
            return Ok(false);
        }
        if lowers.is_empty() {
            lowers.push(empty());
        }
        let path = self.init_folder(image);
        let failed = |source| Error::File { action: "cannot make", path: path.clone(), source };
        let scratch = Temporary::directory(&self.folder).map_err(failed)?;
        create_folders(scratch.path(), None, false).map_err(failed)?;
        let inside = Path::new(INGEST).join(scratch.path().file_name().unwrap_or_default());
        // Its end would wait until everything on the disk is written, whoever wrote it.
        let upper = Upper { folder: inside.join(UPPER), work: inside.join(WORK), volatile: true };
        // Through the image: the kernel says what is there, and copies the folders in which something is made with all they have.
        let mount = self.mounter.overlay(Overlay { lowers, upper: Some(upper) })?;
        content::fill(mount.as_fd()).map_err(|errno| failed(errno.into()))?;
        // Before it is a lower folder: overlayfs wants no folder in two roles at a time.
        drop(mount);
        let mut known = self.init_layers.lock();
        match fs::rename(scratch.path().join(UPPER), &path) {
            // Somebody was faster, with the same.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {}
            renamed => renamed.map_err(failed)?,
        }
        known.insert(*image);
        self.reaper.remove(scratch);
        Ok(true)
    }
}

/// What the mounter knows it by, among layers.
fn layer_id(image: &Digest) -> Digest {
    Digest::of(format!("{INIT} {image}").as_bytes())
}

/// Its place below the store's folder.
fn place(image: &Digest) -> PathBuf {
    Path::new(INIT).join(image.hex())
}
