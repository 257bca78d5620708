//! Reaching what is in a tree.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Uid, openat2};
use rustix::io::Errno;

/// Permissions of folders that are made because they are needed.
const IMPLIED: Mode = Mode::from_raw_mode(0o755);
/// Links that a path may go through, as in the kernel (`MAXSYMLINKS`).
const MOST_LINKS: u32 = 40;

/// A tree below a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    root: BorrowedFd<'a>,
    /// Who gets the folders that are made because they are needed, if not who makes them.
    owner: Option<(u32, u32)>,
}

/// Something in a tree.
#[derive(Debug)]
pub struct Found {
    /// Refers to it, no matter what its name refers to meanwhile. For nothing but looking and opening again.
    pub fd: OwnedFd,
    /// What it is.
    pub stat: Stat,
}

impl Found {
    /// The kind of thing.
    pub fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }
}

impl<'a> Tree<'a> {
    /// The tree below `root`.
    pub fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, owner: None }
    }

    /// The same tree, in which folders that are made because they are needed belong to this user and group: the root of a
    /// user namespace, seen from outside of it.
    #[must_use]
    pub fn owned_by(self, owner: Option<(u32, u32)>) -> Self {
        Self { owner, ..self }
    }

    /// What is at `path`, links in the tree followed as if its root were the file system's.
    ///
    /// # Errors
    /// The kernel's.
    pub fn resolve(&self, path: &Path) -> io::Result<Found> {
        self.open(path, OFlags::empty(), ResolveFlags::IN_ROOT)
    }

    /// The same, but for a link at the end of the path: it is what is found.
    ///
    /// # Errors
    /// The kernel's.
    pub fn resolve_parent(&self, path: &Path) -> io::Result<Found> {
        self.open(path, OFlags::NOFOLLOW, ResolveFlags::IN_ROOT)
    }

    /// What is at `path`, no links followed.
    ///
    /// # Errors
    /// The kernel's; `ELOOP` if there is a link on the way.
    pub fn at(&self, path: &Path) -> io::Result<Found> {
        self.open(path, OFlags::NOFOLLOW, ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS)
    }

    /// The folder at `path`, made with those above it where they are missing.
    ///
    /// # Errors
    /// The kernel's; `ENOTDIR` if something else is there.
    pub fn make_folder(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.resolve(path) {
            Ok(found) if found.kind() == FileType::Directory => return Ok(found.fd),
            Ok(_) => return Err(Errno::NOTDIR.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => {}
        }
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::NOENT.into()) };
        let above = self.make_folder(above)?;
        match rustix::fs::mkdirat(&above, name, IMPLIED) {
            Ok(()) => self.hand_over(&above, name)?,
            // Somebody was faster, or a link leads nowhere: then the next look fails.
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(self.resolve(path)?.fd)
    }

    fn hand_over(&self, above: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
        let Some((uid, gid)) = self.owner else { return Ok(()) };
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::fs::chownat(above, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The path that `path` leads to once all links are followed, as far as it exists. It may have changed when it is
    /// used, which is why that is done with [`Tree::at`].
    ///
    /// # Errors
    /// The kernel's; `ELOOP` if there are too many links.
    pub fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let mut pending: Vec<OsString> = parts(path).rev().collect();
        let mut canonical = PathBuf::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            if part == ".." {
                canonical.pop();
                continue;
            }
            let next = canonical.join(part);
            match self.at(&next) {
                Ok(found) if found.kind() == FileType::Symlink => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    let target = PathBuf::from(read_link(found.fd.as_fd())?);
                    if target.is_absolute() {
                        canonical.clear();
                    }
                    pending.extend(parts(&target).rev());
                }
                Ok(_) => canonical = next,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    canonical = next;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(canonical)
    }

    fn open(&self, path: &Path, flags: OFlags, how: ResolveFlags) -> io::Result<Found> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
        loop {
            match openat2(self.root, path, flags, Mode::empty(), how | ResolveFlags::NO_MAGICLINKS) {
                Ok(fd) => {
                    let stat = rustix::fs::fstat(&fd)?;
                    return Ok(Found { fd, stat });
                }
                // Something was renamed meanwhile, and the kernel cannot be sure that we are still inside.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The names in a path, `..` included.
fn parts(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    let name = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(name)
}

/// Opens a regular file that was found, for reading.
///
/// # Errors
/// The kernel's.
pub fn open_content(found: &Found) -> io::Result<std::fs::File> {
    // Through the descriptor, which cannot be made to mean something else: it is known to be a regular file.
    let path = format!("/proc/self/fd/{}", found.fd.as_raw_fd());
    std::fs::File::open(path)
}

/// Where a link leads that was found.
///
/// # Errors
/// The kernel's.
pub fn read_link(fd: BorrowedFd<'_>) -> io::Result<OsString> {
    Ok(OsString::from_vec(rustix::fs::readlinkat(fd, "", Vec::new())?.into_bytes()))
}

/// The names in a folder that was found, sorted.
///
/// # Errors
/// The kernel's.
pub fn names(fd: BorrowedFd<'_>) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(fd, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Visits what is at `start` and below, parents before children, names in order. Paths are relative to the tree's root;
/// `visit` answers whether to go into a folder. What vanishes meanwhile is left out.
///
/// # Errors
/// The kernel's, and what `visit` fails with. Paths longer than the kernel takes (4,096 bytes) are an error: that bounds
/// the depth, too.
pub fn walk(tree: Tree<'_>, start: &Path, mut visit: impl FnMut(&Path, &Found) -> io::Result<bool>) -> io::Result<()> {
    let mut pending: Vec<PathBuf> = vec![start.to_owned()];
    while let Some(path) = pending.pop() {
        let found = match tree.at(&path) {
            Ok(found) => found,
            Err(error) if is_gone(&error) && path != start => continue,
            Err(error) => return Err(error),
        };
        if visit(&path, &found)? && found.kind() == FileType::Directory {
            match names(found.fd.as_fd()) {
                Ok(names) => pending.extend(names.into_iter().rev().map(|name| path.join(name))),
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Whether a name does not stand for what it did when the folder was read.
fn is_gone(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE))
}

/// The value of an extended attribute of what was found; `None` if it has none of this name.
pub(crate) fn attribute(found: &Found, name: &str) -> Option<Vec<u8>> {
    let path = format!("/proc/self/fd/{}", found.fd.as_raw_fd());
    let mut value = vec![0; 4096];
    // Attributes cannot be read through `O_PATH` itself; the path follows to what it refers to, a link included.
    let length = rustix::fs::getxattr(path.as_str(), name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

/// Flags under which the names of a folder's entries are looked up here.
pub(crate) const NOFOLLOW: AtFlags = AtFlags::SYMLINK_NOFOLLOW;
