//! Files and folders that are on their way in: removed unless published by a rename.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::driver::INGEST;

/// A file or folder below `ingest`.
pub(crate) struct Temporary {
    path: PathBuf,
    published: bool,
}

/// Names are unique in a process; the folder is emptied at open, and a store has one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl Temporary {
    /// A new file in the store of this folder, open for reading and writing.
    pub(crate) fn file(folder: &Path) -> io::Result<(Self, File)> {
        let temporary = Self::name(folder);
        let file = File::options().read(true).write(true).create_new(true).open(&temporary.path)?;
        Ok((temporary, file))
    }

    /// A new folder in the store of this folder.
    pub(crate) fn directory(folder: &Path) -> io::Result<Self> {
        let temporary = Self::name(folder);
        fs::create_dir(&temporary.path)?;
        Ok(temporary)
    }

    /// A name for something that is moved there to be removed.
    pub(crate) fn reserved(folder: &Path) -> Self {
        Self::name(folder)
    }

    fn name(folder: &Path) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { path: folder.join(INGEST).join(format!("{}-{number}", std::process::id())), published: false }
    }

    /// Where it is for now.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it now, and says if that fails.
    pub(crate) fn remove(mut self) -> io::Result<()> {
        self.published = true;
        remove(&self.path)
    }

    /// Moves it to its place, on the disk too.
    pub(crate) fn publish(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.published = true;
        target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            drop(remove(&self.path));
        }
    }
}

/// Removes a file or a whole folder, without following links.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Empties a folder.
pub(crate) fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        remove(&entry?.path())?;
    }
    Ok(())
}
