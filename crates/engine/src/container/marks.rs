//! What programs look at to find out that they are in a container, for those whose root file system has no init layer: made by an
//! earlier version, or when none could be made.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, chownat, openat, symlinkat};
use rustix::io::{Errno, Result};

/// Leaves `/.dockerenv`, and `/etc/mtab` where the image has none. They are no change of the container's: `diff` and
/// `commit` pass over them. They belong to `owner`, or to who calls.
pub(super) fn leave(root: BorrowedFd<'_>, owner: Option<(u32, u32)>) -> Result<()> {
    const EMPTY: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);
    let made = openat(root, ".dockerenv", EMPTY, Mode::from_raw_mode(0o755)).map(drop);
    unless_there(made.and_then(|()| give(root, ".dockerenv", owner)))?;
    match teu_sys::scoped::open(root, "etc", OFlags::PATH | OFlags::DIRECTORY) {
        Ok(etc) => {
            unless_there(symlinkat("/proc/mounts", &etc, "mtab").and_then(|()| give(etc.as_fd(), "mtab", owner)))
        }
        // An image without the folder, or with something else in its place.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
        Err(error) => Err(error),
    }
}

fn give(folder: BorrowedFd<'_>, name: &str, owner: Option<(u32, u32)>) -> Result<()> {
    let Some((uid, gid)) = owner else { return Ok(()) };
    chownat(folder, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::SYMLINK_NOFOLLOW)
}

fn unless_there(made: Result<()>) -> Result<()> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn leave(root: BorrowedFd<'_>) -> Result<()> {
        super::leave(root, None)
    }

    #[test]
    fn left_once_and_never_over_what_is_there() {
        let root = tempfile::tempdir().expect("a folder");
        let open = || std::fs::File::open(root.path()).expect("a folder");
        leave(open().as_fd()).expect("without /etc");
        assert!(root.path().join(".dockerenv").exists() && !root.path().join("etc").exists());
        std::fs::create_dir(root.path().join("etc")).expect("a folder");
        leave(open().as_fd()).expect("again");
        let mtab = root.path().join("etc/mtab");
        assert_eq!(std::fs::read_link(&mtab).expect("a link"), Path::new("/proc/mounts"));
        std::fs::remove_file(&mtab).expect("removed");
        std::fs::write(&mtab, "own").expect("written");
        leave(open().as_fd()).expect("with a file");
        assert_eq!(std::fs::read_to_string(&mtab).expect("a file"), "own");
    }

    #[test]
    fn a_link_does_not_lead_out() {
        let (root, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        std::os::unix::fs::symlink(outside.path(), root.path().join("etc")).expect("a link");
        leave(std::fs::File::open(root.path()).expect("a folder").as_fd()).expect("left");
        assert_eq!(std::fs::read_dir(outside.path()).expect("a folder").count(), 0);
    }
}
