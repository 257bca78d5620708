//! Snapshots: the writable root file systems of containers, an overlay over an image's layers.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use super::open::{EMPTY, SNAPSHOTS};
use super::{DriverKind, Inner, Store, ids};
use crate::driver;
use crate::error::{Error, Result};
use crate::model::Usage;
use crate::mounter::{Lower, LowerKind, Overlay, Upper};

/// The folder of what was written.
pub(super) const UPPER: &str = "fs";
/// The folder that overlayfs works in.
pub(super) const WORK: &str = "work";
/// The same of a snapshot over an init layer. That the name tells costs nothing at a start: no further file is made, kept in memory or
/// removed. And it cannot be lost without the snapshot.
const WORK_OVER_INIT: &str = "work.init";
/// Permissions of a container's root, as Docker has them.
const ROOT_MODE: u32 = 0o755;
/// Longest key: container ids have 64 characters.
const MAX_KEY: usize = 128;

/// What a snapshot is to be like.
#[derive(Clone, Debug, Default)]
pub struct SnapshotOptions {
    /// It is for a user namespace with these maps: its files belong to the ids that the namespace's have outside, and so do,
    /// wherever the snapshot is mounted, those of the layers, which nothing is changed in.
    pub ids: Option<IdMaps>,
    /// The most bytes that may be written to it.
    pub size: Option<u64>,
    /// It is a container's root: between the image's layers and what is written to it there is the image's init layer.
    pub init_layer: bool,
}

impl Store {
    /// Makes a snapshot of an image. Its layers stay until the snapshot is removed, even when the image goes.
    ///
    /// # Errors
    /// `SnapshotKey`, `SnapshotExists`, `NoSuchImage`; `Quota` if its size cannot be limited.
    pub fn snapshot_prepare(&self, key: &str, image: &Digest, options: &SnapshotOptions) -> Result<()> {
        check_key(key)?;
        // The row first: a folder without a row is removed at the next start, a row without a folder too.
        self.0.db.insert_snapshot(key, image)?;
        let over_init = options.init_layer && self.0.ensure_init_layer(key, image);
        let created = self.0.create_snapshot(key, options, over_init);
        if created.is_err() {
            self.snapshot_remove(key)?;
        }
        created
    }

    /// Mounts a snapshot: a detached overlay mount, ready for `move_mount`. The overlay lives as long as the descriptor or
    /// what it was moved to. Mounting one snapshot twice at a time is undefined, as with any overlay.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `Mount`.
    pub fn snapshot_mount(&self, key: &str) -> Result<OwnedFd> {
        let image = self.0.require_snapshot(key)?;
        match self.0.writable(key, &image) {
            // Whoever took it away: it can be made again.
            Err(_) if self.0.has_lost_init_layer(&image) => self.0.writable(key, &image),
            mounted => mounted,
        }
    }

    /// Mounts the image that a snapshot was made of, without its init layer and what was written to it; detached and read-only.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `Mount`.
    pub fn snapshot_lower(&self, key: &str) -> Result<OwnedFd> {
        let image = self.0.require_snapshot(key)?;
        let lowers = self.0.lowers(key, &image, false)?;
        self.0.read_only(lowers)
    }

    /// Whether a snapshot is over an init layer; those of earlier versions are not, nor are those whose init layer could not be made.
    /// It stays so as long as the snapshot lives.
    ///
    /// # Errors
    /// `SnapshotKey`; if its folder cannot be read.
    pub fn snapshot_over_init(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        self.0.is_over_init(key)
    }

    /// Mounts a snapshot detached and read-only, beside whoever has it mounted for writing: a view of it now, without
    /// anything that is mounted in it. What is written later may be seen or not.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `Mount`.
    pub fn snapshot_view(&self, key: &str) -> Result<OwnedFd> {
        let image = self.0.require_snapshot(key)?;
        let id = Digest::of(key.as_bytes());
        let top = Lower::new(id, LowerKind::Directory, Path::new(SNAPSHOTS).join(key).join(UPPER));
        let lowers = std::iter::once(top).chain(self.0.lowers(key, &image, self.0.is_over_init(key)?)?).collect();
        let view = self.0.read_only(lowers);
        self.0.mounter.detach(id)?;
        view
    }

    /// Removes a snapshot and all that was written to it. Removing one that does not exist is no error.
    ///
    /// # Errors
    /// If files cannot be removed.
    pub fn snapshot_remove(&self, key: &str) -> Result<()> {
        check_key(key)?;
        // First the files, which gives back the space that the database may need.
        if let Some(doomed) = driver::take_out(&self.0.folder, &Path::new(SNAPSHOTS).join(key))? {
            let path = self.0.snapshot_folder(key);
            doomed.remove().map_err(|source| Error::File { action: "cannot remove", path, source })?;
        }
        if self.0.db.delete_snapshot(key)? {
            self.0.collect_garbage()?;
            self.fill_spare();
        }
        Ok(())
    }

    /// Keys of the snapshots that keep layers of an image.
    ///
    /// # Errors
    /// `NoSuchImage`.
    pub fn snapshots_over(&self, image: &str) -> Result<Vec<String>> {
        self.0.db.snapshots_over(&self.0.find(image)?)
    }

    /// Makes sure of a snapshot that there should be: enters it again if the database has lost it and its files are there, and
    /// makes its folders whole, for the user namespace that it was made for. False if there are no files: it was never finished, or its removal had begun.
    ///
    /// # Errors
    /// `NoSuchImage` if the database has lost both.
    pub fn snapshot_restore(&self, key: &str, image: &Digest, ids: Option<&IdMaps>) -> Result<bool> {
        check_key(key)?;
        let folder = self.0.snapshot_folder(key);
        if !folder.is_dir() {
            return Ok(false);
        }
        create_folders(&folder, ids, self.0.is_over_init(key)?).map_err(|source| Error::File {
            action: "cannot create",
            path: folder,
            source,
        })?;
        if self.0.db.snapshot_image(key)?.is_none() {
            self.0.db.insert_snapshot(key, image)?;
            tracing::warn!(key, "a root file system that the database had lost was entered again");
        }
        Ok(true)
    }

    /// Another driver that has this snapshot.
    #[must_use]
    pub fn snapshot_elsewhere(&self, key: &str) -> Option<DriverKind> {
        let root = self.0.folder.parent()?;
        let others = DriverKind::ALL.into_iter().filter(|kind| *kind != self.driver());
        others.into_iter().find(|kind| root.join(kind.name()).join(SNAPSHOTS).join(key).is_dir())
    }

    /// The keys of all snapshots, sorted; also of those that only have files left.
    ///
    /// # Errors
    /// If the database fails or the folder cannot be listed.
    pub fn snapshots(&self) -> Result<Vec<String>> {
        let mut all = self.0.db.snapshots()?;
        all.extend(self.0.snapshot_folders()?);
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// What was written to a snapshot takes on disk (`SizeRw`); walks it.
    ///
    /// # Errors
    /// `NoSuchSnapshot`.
    pub fn snapshot_usage(&self, key: &str) -> Result<Usage> {
        self.0.require_snapshot(key)?;
        let upper = self.0.snapshot_folder(key).join(UPPER);
        let mut usage = Usage::default();
        walk(&upper, &mut usage).map_err(|source| Error::File { action: "cannot walk", path: upper, source })?;
        Ok(usage)
    }

    /// The folder with what was written to a snapshot, in overlayfs' form: what `diff` and `commit` read.
    ///
    /// # Errors
    /// `NoSuchSnapshot`.
    pub fn snapshot_upper(&self, key: &str) -> Result<PathBuf> {
        self.0.require_snapshot(key)?;
        Ok(self.0.snapshot_folder(key).join(UPPER))
    }
}

impl Inner {
    fn snapshot_folder(&self, key: &str) -> PathBuf {
        self.folder.join(SNAPSHOTS).join(key)
    }

    /// The keys of the snapshots that have files.
    pub(super) fn snapshot_folders(&self) -> Result<Vec<String>> {
        let path = self.folder.join(SNAPSHOTS);
        let failed = |source| Error::File { action: "cannot list", path: path.clone(), source };
        let names = fs::read_dir(&path).map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.file_name()));
        let names: Vec<_> = names.collect::<Result<_>>()?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// Puts the folders of a snapshot in their place.
    fn create_snapshot(&self, key: &str, options: &SnapshotOptions, over_init: bool) -> Result<()> {
        let folder = self.snapshot_folder(key);
        let failed = |source| Error::File { action: "cannot create", path: folder.clone(), source };
        if options.ids.is_none() && options.size.is_none() && self.spare.place(&self.folder, &folder).unwrap_or(false) {
            // They were made for a container.
            let plain = || fs::rename(folder.join(WORK_OVER_INIT), folder.join(WORK));
            return if over_init { Ok(()) } else { plain().map_err(failed) };
        }
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
        // Before anything is in it, so that everything will count.
        options.size.map_or(Ok(()), |size| self.limit(&folder, size))?;
        create_folders(&folder, options.ids.as_ref(), over_init).map_err(failed)
    }

    /// Whether a snapshot is over an init layer.
    pub(super) fn is_over_init(&self, key: &str) -> Result<bool> {
        let path = self.snapshot_folder(key).join(WORK_OVER_INIT);
        path.try_exists().map_err(|source| Error::File { action: "cannot read", path, source })
    }

    /// An overlay that writes to a snapshot.
    fn writable(&self, key: &str, image: &Digest) -> Result<OwnedFd> {
        let over_init = self.is_over_init(key)?;
        let mut lowers = self.lowers(key, image, over_init)?;
        if lowers.is_empty() {
            // Overlayfs wants at least one.
            lowers.push(empty());
        }
        let folder = Path::new(SNAPSHOTS).join(key);
        let upper = Upper { folder: folder.join(UPPER), work: folder.join(work(over_init)), volatile: false };
        self.mounter.overlay(Overlay { lowers, upper: Some(upper) })
    }

    /// What is below a snapshot of this image, top first: the init layer, if it is wanted, and the image's layers.
    fn lowers(&self, key: &str, image: &Digest, over_init: bool) -> Result<Vec<Lower>> {
        let init = over_init.then(|| self.init_lower(key, image)).transpose()?;
        let layers = self.db.snapshot_layers(key)?;
        let mapped = self.mapped(key)?;
        let lowers = init.into_iter().chain(layers.iter().map(|diff_id| self.driver.lower(diff_id)));
        Ok(lowers.map(|lower| Lower { mapped: mapped.clone(), ..lower }).collect())
    }

    /// An overlay that nothing is written to.
    pub(super) fn read_only(&self, mut lowers: Vec<Lower>) -> Result<OwnedFd> {
        if lowers.is_empty() {
            lowers.push(empty());
        }
        if lowers.len() < 2 {
            // An overlay of one is none.
            lowers.push(Lower { id: Digest::of(b"nothing"), ..empty() });
        }
        self.mounter.overlay(Overlay { lowers, upper: None })
    }

    /// Makes sure that a snapshot is there; answers its image.
    pub(super) fn require_snapshot(&self, key: &str) -> Result<Digest> {
        check_key(key)?;
        self.db.snapshot_image(key)?.ok_or_else(|| Error::NoSuchSnapshot(key.to_owned()))
    }
}

/// The name of the folder that overlayfs works in.
fn work(over_init: bool) -> &'static str {
    if over_init { WORK_OVER_INIT } else { WORK }
}

/// A layer with nothing in it.
pub(super) fn empty() -> Lower {
    Lower::new(Digest::of(EMPTY.as_bytes()), LowerKind::Directory, EMPTY.into())
}

/// Makes the folders that are not there yet. The maps of a user namespace first: they are there wherever files are.
pub(super) fn create_folders(folder: &Path, ids: Option<&IdMaps>, over_init: bool) -> std::io::Result<()> {
    let create = |path: &Path, mode| match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        created => created.map(|()| true),
    };
    create(folder, 0o700)?;
    if let Some(ids) = ids {
        ids::write(folder, ids)?;
    }
    create(&folder.join(work(over_init)), 0o700)?;
    let upper = folder.join(UPPER);
    if create(&upper, ROOT_MODE)? {
        // Whatever the umask says.
        fs::set_permissions(&upper, fs::Permissions::from_mode(ROOT_MODE))?;
    }
    if let Some(ids) = ids {
        let (uid, gid) = ids.root().ok_or_else(|| std::io::Error::other("the user namespace has no root"))?;
        std::os::unix::fs::chown(&upper, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Keys become names of folders.
fn check_key(key: &str) -> Result<()> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let ok = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(valid) && !key.starts_with('.');
    if ok { Ok(()) } else { Err(Error::SnapshotKey(key.to_owned())) }
}

/// Sums up the sizes of files; folders count as nothing, as with Docker. What vanishes meanwhile is not counted: the container may run.
fn walk(root: &Path, usage: &mut Usage) -> std::io::Result<()> {
    let mut pending = vec![root.to_owned()];
    let mut linked = std::collections::HashSet::new();
    while let Some(folder) = pending.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.nlink() > 1 && !metadata.is_dir() && !linked.insert(metadata.ino()) {
                continue;
            }
            usage.inodes += 1;
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                usage.bytes += metadata.len();
            }
        }
    }
    // The link that every container gets is nothing that it wrote. In a folder of its own: `etc` is not followed.
    let etc = root.join("etc");
    let mtab = fs::symlink_metadata(&etc).is_ok_and(|etc| etc.is_dir()).then(|| fs::read_link(etc.join("mtab")).ok());
    if let Some(target) = mtab.flatten().filter(|target| target == Path::new("/proc/mounts")) {
        usage.bytes = usage.bytes.saturating_sub(target.as_os_str().len() as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_key;

    #[test]
    fn keys() {
        for key in ["a", "A-b_c.d", &"f".repeat(64)] {
            assert!(check_key(key).is_ok(), "{key}");
        }
        for key in ["", ".", "..", "a/b", "a b", ".a", "ä", &"f".repeat(129)] {
            assert!(check_key(key).is_err(), "{key}");
        }
    }
}
