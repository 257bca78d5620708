//! Paths inside the container's root, whatever links its image has.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// `PATH_MAX` of `linux/limits.h`.
const PATH_MAX: usize = 4096;
/// Dangling links that are followed while directories are made.
const MAX_LINKS: u32 = 8;

/// Opens what a path leads to (`O_PATH`), never leaving the root.
pub(super) fn open(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    open_with(root, path, OFlags::PATH, ResolveFlags::empty())
}

/// As [`open`], but a link at the end is not followed.
pub(super) fn open_no_follow(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    open_with(root, path, OFlags::PATH | OFlags::NOFOLLOW, ResolveFlags::empty())
}

/// Opens a path with flags, never leaving the root.
pub(super) fn open_with(
    root: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    teu_sys::scoped::open_with(root, path, flags, resolve)
}

/// What a descriptor refers to.
pub(super) fn file_type(fd: impl AsFd) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode))
}

/// Opens a directory, making it and its parents (mode 0755) where they are missing.
pub(super) fn make_directories(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    match open(root, path) {
        Err(Errno::NOENT) => match make_missing(root, path.to_bytes(), MAX_LINKS)? {
            Some(made) => Ok(made),
            None => open(root, path),
        },
        other => other,
    }
}

/// Opens a file, making it (empty, mode 0644) and the directories above where they are missing.
pub(super) fn make_file(root: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd, Errno> {
    match open(root, path) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let bytes = path.to_bytes();
    let split = bytes.iter().rposition(|b| *b == b'/');
    let (parent, name) = split.map_or((&b"."[..], bytes), |i| (&bytes[..i], &bytes[i + 1..]));
    let mut buffer = Buffer::new();
    let parent = make_directories(root, buffer.set(parent)?)?;
    let name = buffer.set(name)?;
    // Not opened, which overlayfs would do twice. A link that leads nowhere is not followed for files.
    rustix::fs::mknodat(&parent, name, FileType::RegularFile, Mode::from_raw_mode(0o644), 0)?;
    rustix::fs::openat(&parent, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// Makes every directory of a path that is missing, and gives the last. A link that leads to a missing place gets that place
/// made.
fn make_missing(root: BorrowedFd<'_>, path: &[u8], links: u32) -> Result<Option<OwnedFd>, Errno> {
    let mut buffer = Buffer::new();
    let (mut parent, mut start) = nearest(root, path)?;
    while start < path.len() {
        let end = path[start..].iter().position(|b| *b == b'/').map_or(path.len(), |i| start + i);
        if end > start {
            let opened = match open(root, buffer.set(&path[..end])?) {
                Err(Errno::NOENT) => {
                    let dir = parent.as_ref().map_or(root, AsFd::as_fd);
                    match rustix::fs::mkdirat(dir, buffer.set(&path[start..end])?, Mode::from_raw_mode(0o755)) {
                        Ok(()) => {}
                        Err(Errno::EXIST) => follow_dangling(root, dir, path, start, end, links)?,
                        Err(errno) => return Err(errno),
                    }
                    open(root, buffer.set(&path[..end])?)?
                }
                other => other?,
            };
            parent = Some(opened);
        }
        start = end + 1;
    }
    Ok(parent)
}

/// The directory furthest down a path that is there, and where in the path the rest begins. Mostly all but the last is there,
/// so the search goes up.
fn nearest(root: BorrowedFd<'_>, path: &[u8]) -> Result<(Option<OwnedFd>, usize), Errno> {
    let mut buffer = Buffer::new();
    let mut end = path.len();
    while let Some(slash) = path[..end].iter().rposition(|b| *b == b'/') {
        end = slash;
        if end == 0 {
            break;
        }
        match open(root, buffer.set(&path[..end])?) {
            Err(Errno::NOENT) => {}
            other => return Ok((Some(other?), end + 1)),
        }
    }
    Ok((None, 0))
}

/// Makes what the link `path[start..end]` in `dir` leads to.
fn follow_dangling(
    root: BorrowedFd<'_>,
    dir: BorrowedFd<'_>,
    path: &[u8],
    start: usize,
    end: usize,
    links: u32,
) -> Result<(), Errno> {
    if links == 0 {
        return Err(Errno::LOOP);
    }
    let mut name = Buffer::new();
    let mut target = Buffer::new();
    let length = rustix::fs::readlinkat_raw(dir, name.set(&path[start..end])?, target.space())?;
    let relative = target.bytes(length).first() != Some(&b'/');
    let mut whole = Buffer::new();
    if relative {
        whole.append(&path[..start])?;
    }
    whole.append(target.bytes(length))?;
    make_missing(root, whole.bytes(whole.length), links - 1).map(drop)
}

/// A path on the stack.
struct Buffer {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Buffer {
    fn new() -> Self {
        Buffer { bytes: [0; PATH_MAX], length: 0 }
    }

    fn set(&mut self, path: &[u8]) -> Result<&CStr, Errno> {
        self.length = 0;
        self.append(path)?;
        CStr::from_bytes_until_nul(&self.bytes).map_err(|_| Errno::NAMETOOLONG)
    }

    fn append(&mut self, path: &[u8]) -> Result<(), Errno> {
        let end = self.length + path.len();
        if end >= PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        self.bytes[self.length..end].copy_from_slice(path);
        self.bytes[end] = 0;
        self.length = end;
        Ok(())
    }

    fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[..PATH_MAX - 1]
    }

    fn bytes(&self, length: usize) -> &[u8] {
        &self.bytes[..length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, fs::File) {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        (dir, root)
    }

    #[test]
    fn directories_are_made_where_missing() {
        let (dir, root) = root();
        make_directories(root.as_fd(), c"a/b//c/").unwrap();
        assert!(dir.path().join("a/b/c").is_dir());
        make_directories(root.as_fd(), c"a/b/c").unwrap();
    }

    #[test]
    fn links_never_lead_out_of_the_root() {
        let (dir, root) = root();
        let outside = tempfile::tempdir().unwrap();
        symlink(outside.path(), dir.path().join("abs")).unwrap();
        symlink("../../../../../../../../../../tmp", dir.path().join("up")).unwrap();
        make_directories(root.as_fd(), c"abs/x").unwrap();
        make_directories(root.as_fd(), c"up/y").unwrap();
        make_directories(root.as_fd(), c"../../z").unwrap();
        assert!(fs::read_dir(outside.path()).unwrap().next().is_none());
        assert!(dir.path().join(outside.path().strip_prefix("/").unwrap()).join("x").is_dir());
        assert!(dir.path().join("tmp/y").is_dir());
        assert!(dir.path().join("z").is_dir());
    }

    #[test]
    fn dangling_links_are_made_whole_and_loops_end() {
        let (dir, root) = root();
        fs::create_dir(dir.path().join("var")).unwrap();
        symlink("../run", dir.path().join("var/run")).unwrap();
        make_directories(root.as_fd(), c"var/run/secrets").unwrap();
        assert!(dir.path().join("run/secrets").is_dir());
        symlink("loop", dir.path().join("loop")).unwrap();
        assert_eq!(make_directories(root.as_fd(), c"loop/x").unwrap_err(), Errno::LOOP);
    }

    #[test]
    fn files_are_made_with_their_directories() {
        let (dir, root) = root();
        make_file(root.as_fd(), c"etc/hosts").unwrap();
        assert!(dir.path().join("etc/hosts").is_file());
        make_file(root.as_fd(), c"top").unwrap();
        assert!(dir.path().join("top").is_file());
        fs::write(dir.path().join("etc/hosts"), "kept").unwrap();
        make_file(root.as_fd(), c"etc/hosts").unwrap();
        assert_eq!(fs::read(dir.path().join("etc/hosts")).unwrap(), b"kept");
    }

    #[test]
    fn a_file_in_the_way_of_a_directory_is_an_error() {
        let (dir, root) = root();
        fs::write(dir.path().join("f"), "").unwrap();
        assert_eq!(make_directories(root.as_fd(), c"f/x").unwrap_err(), Errno::NOTDIR);
    }
}
