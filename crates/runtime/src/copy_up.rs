//! Filling a tmpfs with what the directory under it holds (`tmpcopyup`).

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::plan::text::in_root;

/// Directories deeper than this are refused: the image decides.
const MAX_DEPTH: u32 = 128;
/// Largest extended attribute (`XATTR_SIZE_MAX` of `linux/limits.h`).
const MAX_ATTRIBUTE: usize = 64 * 1024;
/// How directories are opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Copies the directory at `path` in a root, if there is one, into a mount.
pub(crate) fn fill(root: BorrowedFd<'_>, path: &Path, target: BorrowedFd<'_>) -> io::Result<()> {
    open(root, path)?.map_or(Ok(()), |source| copy(&source, target))
}

/// Opens the directory at `path` in a root, if there is one.
pub(crate) fn open(root: BorrowedFd<'_>, path: &Path) -> io::Result<Option<OwnedFd>> {
    let path = in_root(path).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e.to_string()))?;
    match teu_sys::scoped::open(root, path.as_c_str(), DIRECTORY) {
        Ok(source) => Ok(Some(source)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// Copies a directory into a mount.
pub(crate) fn copy(source: &OwnedFd, target: BorrowedFd<'_>) -> io::Result<()> {
    let target = rustix::fs::openat(target, c".", DIRECTORY, Mode::empty())?;
    let stat = rustix::fs::fstat(source)?;
    copy_directory(source, &target, MAX_DEPTH)?;
    set_metadata(&target, &stat)
}

fn copy_directory(source: &OwnedFd, target: &OwnedFd, depth: u32) -> io::Result<()> {
    if depth == 0 {
        return Err(Errno::LOOP.into());
    }
    for entry in Dir::read_from(source)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            copy_entry(source, target, name, depth)?;
        }
    }
    Ok(())
}

fn copy_entry(source: &OwnedFd, target: &OwnedFd, name: &CStr, depth: u32) -> io::Result<()> {
    let stat = rustix::fs::statat(source, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let open = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let from = rustix::fs::openat(source, name, open | OFlags::DIRECTORY, Mode::empty())?;
            rustix::fs::mkdirat(target, name, Mode::RWXU)?;
            let to = rustix::fs::openat(target, name, open | OFlags::DIRECTORY, Mode::empty())?;
            copy_directory(&from, &to, depth - 1)?;
            copy_attributes(&from, &to)?;
            set_metadata(&to, &stat)
        }
        FileType::RegularFile => {
            let from = rustix::fs::openat(source, name, open | OFlags::RDONLY, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let to = rustix::fs::openat(target, name, flags, Mode::RUSR | Mode::WUSR)?;
            let (mut from, mut to) = (File::from(from), File::from(to));
            io::copy(&mut from.by_ref().take(u64::MAX), &mut to)?;
            let (from, to) = (from.into(), to.into());
            copy_attributes(&from, &to)?;
            set_metadata(&to, &stat)
        }
        FileType::Symlink => {
            let link = rustix::fs::readlinkat(source, name, Vec::new())?;
            rustix::fs::symlinkat(&link, target, name)?;
            change_owner(target.as_fd(), name, &stat)
        }
        kind => {
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            rustix::fs::mknodat(target, name, kind, mode, stat.st_rdev)?;
            rustix::fs::chmodat(target, name, mode, AtFlags::empty())?;
            change_owner(target.as_fd(), name, &stat)
        }
    }
}

/// Extended attributes, as far as the tmpfs takes them.
fn copy_attributes(from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
    let mut names = vec![0u8; MAX_ATTRIBUTE];
    let Ok(length) = rustix::fs::flistxattr(from, names.as_mut_slice()) else { return Ok(()) };
    for name in names[..length].split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let mut value = vec![0u8; MAX_ATTRIBUTE];
        let length = rustix::fs::fgetxattr(from, name, value.as_mut_slice())?;
        match rustix::fs::fsetxattr(to, name, &value[..length], rustix::fs::XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM | Errno::NOSPC) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

fn set_metadata(fd: &OwnedFd, stat: &Stat) -> io::Result<()> {
    change_owner(fd.as_fd(), c"", stat)?;
    Ok(rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode & 0o7777))?)
}

fn change_owner(dir: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    Ok(rustix::fs::chownat(dir, name, Some(uid), Some(gid), flags)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_tree_is_copied_with_its_modes_and_links() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        fs::create_dir_all(data.join("sub")).unwrap();
        fs::write(data.join("sub/file"), "content").unwrap();
        fs::set_permissions(data.join("sub/file"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o1777)).unwrap();
        symlink("/etc/passwd", data.join("link")).unwrap();
        let target = tempfile::tempdir().unwrap();
        let (root_fd, target_fd) = (File::open(root.path()).unwrap(), File::open(target.path()).unwrap());
        fill(root_fd.as_fd(), Path::new("/data"), target_fd.as_fd()).unwrap();
        assert_eq!(fs::read(target.path().join("sub/file")).unwrap(), b"content");
        let mode = |p: &Path| fs::symlink_metadata(p).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&target.path().join("sub/file")), 0o640);
        assert_eq!(mode(target.path()), 0o1777);
        assert_eq!(fs::read_link(target.path().join("link")).unwrap(), Path::new("/etc/passwd"));
    }

    #[test]
    fn a_missing_directory_leaves_the_target_empty() {
        let root = tempfile::tempdir().unwrap();
        let target = tempfile::tempdir().unwrap();
        let (root_fd, target_fd) = (File::open(root.path()).unwrap(), File::open(target.path()).unwrap());
        fill(root_fd.as_fd(), Path::new("/nothing/here"), target_fd.as_fd()).unwrap();
        assert!(fs::read_dir(target.path()).unwrap().next().is_none());
    }
}
