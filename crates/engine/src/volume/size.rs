//! How much is in a volume.

use std::collections::HashSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, openat2, statat};
use rustix::io::Errno;

use super::Volumes;
use crate::Error;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Volumes {
    /// Bytes of the files in a volume, each counted once whatever names it has; folders count as nothing, as with
    /// Docker. Walks it.
    pub(crate) fn size(&self, name: &str) -> Result<u64, Error> {
        let path = self.folder(name);
        let walk = || -> io::Result<u64> {
            let root = rustix::fs::open(&path, FOLDER, Mode::empty())?;
            Walk::default().over(root.as_fd())
        };
        walk().map_err(|source| Error::File { path: path.clone(), source })
    }
}

/// A walk over what containers may be writing to at the same time: what vanishes meanwhile is not counted, and no
/// link leads out.
#[derive(Default)]
struct Walk {
    pending: Vec<PathBuf>,
    linked: HashSet<u64>,
    bytes: u64,
}

impl Walk {
    fn over(mut self, root: BorrowedFd<'_>) -> io::Result<u64> {
        self.pending.push(PathBuf::from("."));
        while let Some(folder) = self.pending.pop() {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match openat2(root, &folder, FOLDER, Mode::empty(), resolve) {
                Ok(opened) => self.folder(opened.as_fd(), &folder)?,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.bytes)
    }

    fn folder(&mut self, opened: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
        for entry in Dir::read_from(opened)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            self.entry(opened, entry.file_name(), path);
        }
        Ok(())
    }

    fn entry(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &Path) {
        let Ok(stat) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            self.pending.push(path.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
        } else if stat.st_nlink == 1 || self.linked.insert(stat.st_ino) {
            self.bytes += u64::try_from(stat.st_size).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::Volumes;

    #[test]
    fn files_count_once_and_links_lead_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let volumes = Volumes::new(folder.path().join("volumes"));
        let content = volumes.ensure("data").expect("made");
        assert_eq!(volumes.size("data").expect("a size"), 0);
        std::fs::create_dir_all(content.join("a/b")).expect("made");
        std::fs::write(content.join("a/b/file"), [0; 1000]).expect("written");
        std::fs::hard_link(content.join("a/b/file"), content.join("again")).expect("linked");
        std::fs::write(folder.path().join("outside"), [0; 5000]).expect("written");
        symlink("../../outside", content.join("out")).expect("linked");
        symlink(folder.path(), content.join("away")).expect("linked");
        let links = "../../outside".len() + folder.path().as_os_str().len();
        assert_eq!(volumes.size("data").expect("a size"), 1000 + links as u64);
        assert!(volumes.size("none").is_err());
    }
}
