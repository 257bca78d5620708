//! Opening what is mounted, just before the start: a detached mount that cannot be exchanged behind our back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::super::definition::Definition;
use super::{Source, propagation};
use crate::Error;
use crate::volume::Volumes;

/// A mount source, opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) destination: PathBuf,
    pub(crate) fd: OwnedFd,
}

/// Opens the sources of a container's binds and volumes. `rootfs` is its root, from which new volumes are filled.
pub(crate) fn open(definition: &Definition, rootfs: BorrowedFd<'_>, volumes: &Volumes) -> Result<Vec<Opened>, Error> {
    let mut opened = Vec::new();
    let ids = definition.ids.as_ref();
    for mount in &definition.mounts {
        let fd = match &mount.source {
            Source::Bind { path, create, recursive, .. } => {
                if *create {
                    create_source(Path::new(path))?;
                }
                propagation::check(Path::new(path), &mount.propagation)?;
                tree(CWD, Path::new(path), *recursive)?
            }
            Source::Volume { name, subpath, copy, .. } => {
                let folder = volumes.ensure(name)?;
                let whole = volumes.mapped(name, tree(CWD, &folder, true)?, ids)?;
                if *copy {
                    volumes.fill(name, whole.as_fd(), rootfs, Path::new(&mount.destination))?;
                }
                match subpath.as_str() {
                    "" => whole,
                    subpath => volumes.mapped(name, volume_tree(&folder, subpath)?, ids)?,
                }
            }
            Source::Tmpfs { .. } => continue,
        };
        opened.push(Opened { destination: PathBuf::from(&mount.destination), fd });
    }
    Ok(opened)
}

/// Makes a directory where nothing is, as `-v` does.
fn create_source(path: &Path) -> Result<(), Error> {
    match std::fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::fs::create_dir_all(path).map_err(|source| {
            Error::Invalid(format!("error while creating mount source path '{}': {source}", path.display()))
        }),
        Err(error) => Err(Error::Invalid(format!("invalid mount source path '{}': {error}", path.display()))),
    }
}

/// A copy of the mount at `path`, attached to nothing.
fn tree(base: BorrowedFd<'_>, path: &Path, recursive: bool) -> Result<OwnedFd, Error> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    if path.as_os_str().is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    open_tree(base, path, flags).map_err(|errno| match errno {
        rustix::io::Errno::NOENT => Error::Invalid(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            path.display()
        )),
        errno => Error::File { path: path.to_owned(), source: errno.into() },
    })
}

/// A folder in a volume: what the container wrote there cannot lead out of the volume.
fn volume_tree(folder: &Path, subpath: &str) -> Result<OwnedFd, Error> {
    let fail = |errno: rustix::io::Errno| Error::File { path: folder.join(subpath), source: errno.into() };
    let base =
        rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(fail)?;
    let target = teu_sys::scoped::open(base, subpath, OFlags::PATH).map_err(fail)?;
    tree(target.as_fd(), Path::new(""), true)
}
