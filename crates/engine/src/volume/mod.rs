//! Local volumes: folders under `<data-root>/volumes/<name>/_data`.

mod attach;
mod copy;
mod operations;
mod prune;
mod record;
mod size;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::Error;

/// The volumes of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Volumes {
    root: PathBuf,
}

impl Volumes {
    pub(crate) fn new(root: PathBuf) -> Self {
        Volumes { root }
    }

    /// Where volumes are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name).join("_data")
    }

    /// The folder of a volume, made if there is none.
    pub(crate) fn ensure(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Fills an empty volume with what the root file system has at `destination`: files, owners, modes, links.
    pub(crate) fn fill(&self, name: &str, rootfs: BorrowedFd<'_>, destination: &Path) -> Result<(), Error> {
        let folder = self.folder(name);
        let fail = |source: std::io::Error| Error::File { path: folder.clone(), source };
        if std::fs::read_dir(&folder).map_err(fail)?.next().is_some() {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let to = rustix::fs::open(&folder, flags, Mode::empty()).map_err(|e| fail(e.into()))?;
        copy::tree(rootfs, destination, to.as_fd()).map_err(fail)
    }

    /// Deletes a volume. One that does not exist is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let folder = self.root.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File { path: folder, source }),
            _ => Ok(()),
        }
    }
}

/// Whether a volume can have this name.
fn check_name(name: &str) -> Result<(), Error> {
    if name.len() < 2 {
        let rule = "volume name is too short, names should be at least two alphanumeric characters";
        return Err(Error::Invalid(format!("create {name}: {rule}")));
    }
    let rest = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if !name.as_bytes()[0].is_ascii_alphanumeric() || !name.as_bytes().iter().all(rest) {
        return Err(Error::Invalid(format!(
            "create {name}: {name:?} includes invalid characters for a local volume name, only \
             \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        )));
    }
    Ok(())
}
