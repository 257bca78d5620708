//! What a container changed, and what that is worth: `diff`, `export`, `commit`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::FileType;
use teu_archive::{Form, Found, Owners, Packer, Tree, walk};
use teu_oci::digest::Digest;
use teu_oci::image::{ContainerConfig, History, ImageConfig};
use teu_oci::reference::Reference;

use super::{HeldLayer, Store};
use crate::error::{Error, Result};
use crate::layer::Expectation;
use crate::model::NewImage;

/// Where runtimes mount what every container has, below the root. What they make to mount it on is none of the
/// container's doing: Docker has it in a layer of its own.
const MOUNT_POINTS: [&str; 13] = [
    ".dockerenv",
    "dev",
    "dev/console",
    "dev/mqueue",
    "dev/pts",
    "dev/shm",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "proc",
    "sys",
    "sys/fs/cgroup",
];
/// Bytes handed to the layer's writer at once.
const CHUNK: usize = 256 << 10;

/// How a path was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is there in both, and not the same.
    Modified,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
}

/// A changed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the container's root.
    pub path: PathBuf,
    /// What happened to it.
    pub kind: ChangeKind,
}

/// What an image made of a container says beside the container's files.
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    /// What the image's containers run.
    pub config: ContainerConfig,
    /// Who made it.
    pub author: String,
    /// Why.
    pub message: String,
    /// The command that made the changes, for the history.
    pub created_by: String,
    /// The name it gets.
    pub reference: Option<Reference>,
}

impl Store {
    /// What was changed in a snapshot, in the order of paths, folders before what is in them.
    ///
    /// # Errors
    /// `NoSuchSnapshot`; if files cannot be read.
    pub fn snapshot_changes(&self, key: &str) -> Result<Vec<Change>> {
        let (upper, lower) = (self.open_upper(key)?, self.snapshot_lower(key)?);
        let init = self.open_init_layer(key)?;
        let init = init.as_ref().map(|init| Tree::new(init.as_fd()));
        changes(Tree::new(upper.as_fd()), Tree::new(lower.as_fd()), init).map_err(|source| self.walking(key, source))
    }

    /// Writes all files of a snapshot as an archive.
    ///
    /// # Errors
    /// `NoSuchSnapshot`; if files cannot be read or the archive not be written.
    pub fn snapshot_export(&self, key: &str, out: impl Write) -> Result<()> {
        let view = self.snapshot_view(key)?;
        let mut packer = Packer::new(out, Form::Plain).owners(self.owners(key)?);
        // The root itself has no name: whoever unpacks the archive keeps his own folder's owner and mode.
        let all = |path: &Path, _: &Found| Some(path.to_owned());
        let packed = packer.add(Tree::new(view.as_fd()), Path::new(""), all).and_then(|()| packer.finish());
        packed
            .and_then(|mut out| out.flush())
            .map_err(|source| Error::Stream { what: "cannot write the archive", source })
    }

    /// Makes an image of `base` and what was changed in a snapshot of it.
    ///
    /// # Errors
    /// `NoSuchSnapshot`, `NoSuchImage` if the base is gone; if files cannot be read or the layer not be written.
    pub fn snapshot_commit(&self, key: &str, base: &Digest, options: CommitOptions) -> Result<Digest> {
        let layer = self.snapshot_layer(key)?;
        let mut config: ImageConfig = serde_json::from_slice(&self.raw_config(base)?)
            .map_err(|source| Error::Document { what: "configuration".to_owned(), source })?;
        let created = Some(jiff::Timestamp::now().to_string());
        let text = |text: String| (!text.is_empty()).then_some(text);
        config.created.clone_from(&created);
        config.author = text(options.author.clone());
        config.comment = text(options.message.clone());
        config.config = Some(options.config);
        // As Docker has it, the layer is there even if nothing was changed.
        config.rootfs.diff_ids.push(layer.info.diff_id);
        config.history.push(History {
            created,
            created_by: text(options.created_by),
            author: text(options.author),
            comment: text(options.message),
            ..History::default()
        });
        let config = serde_json::to_vec(&config)
            .map_err(|source| Error::Document { what: "configuration".to_owned(), source })?;
        let tags = options.reference.into_iter().map(|name| name.with_default_tag()).collect();
        self.create_image(&NewImage { config, tags, digests: Vec::new(), parent: Some(*base) })
    }

    /// The layer of what was changed in a snapshot.
    fn snapshot_layer(&self, key: &str) -> Result<HeldLayer> {
        let (upper, lower) = (self.open_upper(key)?, self.snapshot_lower(key)?);
        // The image has no init layer: what was taken away of that is nothing to take away from the image.
        let changed = changes(Tree::new(upper.as_fd()), Tree::new(lower.as_fd()), None);
        let changed = changed.map_err(|source| self.walking(key, source))?;
        let wanted: std::collections::HashSet<&Path> = changed.iter().map(|change| change.path.as_path()).collect();
        let mut writer = self.layer_writer(Expectation::default())?;
        let sink = std::io::BufWriter::with_capacity(CHUNK, Sink(&mut writer));
        let mut packer = Packer::new(sink, Form::Upper).owners(self.owners(key)?);
        let mut failure = None;
        let rename = |path: &Path, _: &Found| {
            if path == Path::new("") {
                Some(PathBuf::from("./"))
            } else {
                wanted.contains(path).then(|| path.to_owned())
            }
        };
        let packed = packer.add(Tree::new(upper.as_fd()), Path::new(""), rename);
        if let Err(source) = packed.and_then(|()| packer.finish()?.flush()) {
            failure = Some(self.walking(key, source));
        }
        match failure {
            Some(failure) => Err(failure),
            None => writer.finish(),
        }
    }

    /// What the owners of a snapshot's files are in an archive.
    fn owners(&self, key: &str) -> Result<Option<Owners>> {
        Ok(self.snapshot_ids(key)?.map(|ids| Owners::new(move |uid, gid| ids.inside(uid, gid))))
    }

    fn open_upper(&self, key: &str) -> Result<OwnedFd> {
        let path = self.snapshot_upper(key)?;
        let folder = OpenOptions::new().read(true).custom_flags(libc_directory()).open(&path);
        folder.map(OwnedFd::from).map_err(|source| Error::File { action: "cannot open", path, source })
    }

    /// The init layer below a snapshot, if it has one.
    fn open_init_layer(&self, key: &str) -> Result<Option<OwnedFd>> {
        if !self.snapshot_over_init(key)? {
            return Ok(None);
        }
        let path = self.0.init_folder(&self.0.require_snapshot(key)?);
        match OpenOptions::new().read(true).custom_flags(libc_directory()).open(&path) {
            Ok(folder) => Ok(Some(folder.into())),
            // The next mount makes it again.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::File { action: "cannot open", path, source }),
        }
    }

    fn walking(&self, key: &str, source: std::io::Error) -> Error {
        Error::File { action: "cannot walk", path: PathBuf::from(key), source }
    }
}

/// `O_DIRECTORY`, as `OpenOptions` takes it.
fn libc_directory() -> i32 {
    i32::try_from(rustix::fs::OFlags::DIRECTORY.bits()).unwrap_or(0)
}

/// A layer's writer as a writer of bytes.
struct Sink<'a>(&'a mut super::LayerWriter);

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(Bytes::copy_from_slice(bytes)).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Compares an overlay's upper folder with the image below it. What the image has not, but the init layer has, was there before, too.
fn changes(upper: Tree<'_>, lower: Tree<'_>, init: Option<Tree<'_>>) -> std::io::Result<Vec<Change>> {
    let mut all: Vec<(Change, bool)> = Vec::new();
    walk(upper, Path::new(""), |path, found| {
        if path == Path::new("") {
            return Ok(true);
        }
        let is_whiteout = found.kind() == FileType::CharacterDevice && found.stat.st_rdev == 0;
        let below = lower.at(path).ok();
        let was_there = below.is_some() || init.is_some_and(|init| init.at(path).is_ok());
        let kind = match (was_there, is_whiteout) {
            // What was neither there before nor is now is no change.
            (false, true) => return Ok(false),
            (true, true) => ChangeKind::Deleted,
            (false, false) => ChangeKind::Added,
            (true, false) => ChangeKind::Modified,
        };
        let incidental = !is_whiteout && is_incidental(path, found, below.as_ref());
        all.push((Change { path: path.to_owned(), kind }, incidental));
        Ok(true)
    })?;
    // Those that hold a change are changed; from the end, since what is in a folder comes after it.
    let mut kept: Vec<Change> = Vec::with_capacity(all.len());
    for (change, incidental) in all.into_iter().rev() {
        let holds = kept.last().is_some_and(|last| last.path.starts_with(&change.path));
        if !incidental || holds {
            kept.push(change);
        }
    }
    kept.reverse();
    Ok(kept)
}

/// Whether something is in the upper folder only because something in it is, or for what is mounted on it.
fn is_incidental(path: &Path, found: &Found, below: Option<&Found>) -> bool {
    let is_folder = found.kind() == FileType::Directory;
    let made_for_mount = is_mount_point(path) && (is_folder || found.stat.st_size == 0 || is_mtab(path));
    match below {
        Some(below) if is_folder => {
            same_folder(below, found) || (made_for_mount || holds_mount_points(path)) && same_owner(below, found)
        }
        None => made_for_mount,
        Some(_) => false,
    }
}

fn is_mount_point(path: &Path) -> bool {
    MOUNT_POINTS.iter().any(|point| path == Path::new(point))
}

fn is_mtab(path: &Path) -> bool {
    path == Path::new("etc/mtab")
}

/// Whether making the mount points changed this folder's time.
fn holds_mount_points(path: &Path) -> bool {
    MOUNT_POINTS.iter().any(|point| Path::new(point).parent() == Some(path))
}

fn same_owner(below: &Found, found: &Found) -> bool {
    let of = |found: &Found| (found.stat.st_mode, found.stat.st_uid, found.stat.st_gid);
    of(below) == of(found)
}

fn same_folder(below: &Found, found: &Found) -> bool {
    let time = |found: &Found| (found.stat.st_mtime, found.stat.st_mtime_nsec);
    same_owner(below, found) && time(below) == time(found)
}
