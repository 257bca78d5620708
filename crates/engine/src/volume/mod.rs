//! Local volumes: folders under `<data-root>/volumes/<name>/_data`.

mod attach;
mod copy;
mod operations;
mod prune;
mod record;
mod size;

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use teu_oci::runtime::IdMaps;
use teu_sys::userns::Known;

use crate::Error;

/// The content of a volume, in its folder. A volume is there as soon as this is.
const DATA: &str = "_data";
/// What the folder of a volume is called while it is removed: no volume's name begins so.
const GONE: &str = ".gone-";

/// The volumes of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Volumes {
    root: PathBuf,
    namespaces: Arc<Known>,
}

impl Volumes {
    pub(crate) fn new(root: PathBuf) -> Self {
        Volumes { root, namespaces: Arc::default() }
    }

    /// Where volumes are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name).join(DATA)
    }

    /// The folder of a volume, made if there is none.
    pub(crate) fn ensure(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.folder(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Gives a detached mount of a volume the ids of a container: in the volume are those that containers have inside, so
    /// that it means the same to all of them. The host's root may make files there, too.
    pub(crate) fn mapped(&self, name: &str, mount: OwnedFd, ids: Option<&IdMaps>) -> Result<OwnedFd, Error> {
        let Some(ids) = ids else { return Ok(mount) };
        let fail = |source: std::io::Error| Error::File { path: self.folder(name), source };
        let namespace = self.namespaces.with_maps(ids.with_host_root().text()).map_err(fail)?;
        teu_sys::mount::set_id_mapping(mount.as_fd(), namespace.as_fd(), true).map_err(|errno| match errno {
            Errno::INVAL => Error::Invalid(format!(
                "volume {name} cannot be mounted in a user namespace: the file system of {} or this kernel cannot map \
                 ids; run the container with --userns=host",
                self.root.display()
            )),
            errno => fail(errno.into()),
        })?;
        Ok(mount)
    }

    /// Fills an empty volume with what the root file system has at `destination`: files, owners, modes, links.
    /// `volume` is the volume as the container has it.
    pub(crate) fn fill(
        &self,
        name: &str,
        volume: BorrowedFd<'_>,
        rootfs: BorrowedFd<'_>,
        destination: &Path,
    ) -> Result<(), Error> {
        let folder = self.folder(name);
        let fail = |source: std::io::Error| Error::File { path: folder.clone(), source };
        if std::fs::read_dir(&folder).map_err(fail)?.next().is_some() {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let to = rustix::fs::openat(volume, ".", flags, Mode::empty()).map_err(|e| fail(e.into()))?;
        copy::tree(rootfs, destination, to.as_fd()).map_err(fail)
    }

    /// Deletes a volume. One that does not exist is no error. It is gone in one step: half a volume is never taken for one.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let (folder, gone) = (self.root.join(name), self.root.join(format!("{GONE}{name}")));
        let removed = match std::fs::rename(&folder, &gone) {
            Ok(()) => std::fs::remove_dir_all(&gone),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            // An earlier removal of a volume of this name was cut.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                std::fs::remove_dir_all(&gone)
                    .and_then(|()| std::fs::rename(&folder, &gone))
                    .and_then(|()| std::fs::remove_dir_all(&gone))
            }
            Err(error) => Err(error),
        };
        removed.map_err(|source| Error::File { path: folder, source })
    }

    /// Deletes what is left of volumes that were half made or half removed. To be called before anybody makes one.
    pub(crate) fn sweep(&self) {
        for entry in std::fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Anything else was put there by somebody else.
            let half = name.starts_with(GONE) || (check_name(&name).is_ok() && !entry.path().join(DATA).exists());
            if half && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                tracing::info!(name, "what is left of a volume is deleted");
                if let Err(error) = std::fs::remove_dir_all(entry.path()) {
                    tracing::error!(name, %error, "what is left of a volume could not be deleted");
                }
            }
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
