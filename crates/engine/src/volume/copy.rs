//! Copying a directory of a root file system that a stranger made: descriptors only, no link is followed.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, chownat, fchmod, fchown, fstat,
    futimens, major, makedev, minor, mkdirat, mknodat, openat, readlinkat, statat, symlinkat,
};
use rustix::io::Errno;

/// Copies what is at `path` in `root` into the directory `to`, which gets its owner and mode, too. Nothing there, or no
/// directory, is nothing to copy.
pub(super) fn tree(root: BorrowedFd<'_>, path: &Path, to: BorrowedFd<'_>) -> io::Result<()> {
    match teu_sys::scoped::open(root, path, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(from) => directory(from, to),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn directory(from: OwnedFd, to: BorrowedFd<'_>) -> io::Result<()> {
    let stat = fstat(&from)?;
    for entry in Dir::read_from(&from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            object(from.as_fd(), name, to)?;
        }
    }
    own(to, &stat)
}

fn object(from: BorrowedFd<'_>, name: &CStr, to: BorrowedFd<'_>) -> io::Result<()> {
    let stat = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, Mode::RWXU)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let source = openat(from, name, flags, Mode::empty())?;
            let target = openat(to, name, flags, Mode::empty())?;
            directory(source, target.as_fd())
        }
        FileType::RegularFile => {
            let source = openat(from, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let target = openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
            io::copy(&mut std::fs::File::from(source), &mut std::fs::File::from(target.try_clone()?))?;
            own(target.as_fd(), &stat)
        }
        FileType::Symlink => {
            symlinkat(readlinkat(from, name, Vec::new())?, to, name)?;
            chown_entry(to, name, &stat)
        }
        kind => {
            let device = makedev(major(stat.st_rdev), minor(stat.st_rdev));
            mknodat(to, name, kind, mode, device)?;
            chown_entry(to, name, &stat)
        }
    }
}

/// Gives an open file the owner, mode and times of `stat`; the owner first, since a change of it clears set-id bits.
fn own(file: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    fchown(file, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(file, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let time = |sec: i64, nsec: u64| Timespec { tv_sec: sec, tv_nsec: i64::try_from(nsec).unwrap_or(0) };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    Ok(futimens(file, &times)?)
}

fn chown_entry(to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    Ok(chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    #[test]
    fn links_are_copied_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("data/sub")).expect("made");
        std::fs::write(root.join("data/sub/file"), "text").expect("written");
        std::fs::set_permissions(root.join("data/sub/file"), PermissionsExt::from_mode(0o640)).expect("set");
        symlink("/etc/passwd", root.join("data/link")).expect("linked");
        symlink("/data", root.join("alias")).expect("linked");
        let to = dir.path().join("to");
        std::fs::create_dir(&to).expect("made");
        let (root, target) = (std::fs::File::open(&root).expect("open"), std::fs::File::open(&to).expect("open"));
        super::tree(root.as_fd(), Path::new("/alias"), target.as_fd()).expect("copied");
        assert_eq!(std::fs::read_to_string(to.join("sub/file")).expect("read"), "text");
        assert_eq!(std::fs::metadata(to.join("sub/file")).expect("stat").permissions().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_link(to.join("link")).expect("a link"), Path::new("/etc/passwd"));
        super::tree(root.as_fd(), Path::new("/nowhere"), target.as_fd()).expect("nothing to copy");
    }
}
