//! Device nodes and links.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::plan::{Device, Symlink};

/// Makes a device node, unless there is one like it. The process's umask keeps nothing back.
pub(super) fn make(parent: BorrowedFd<'_>, device: &Device) -> Result<(), Errno> {
    let number = rustix::fs::makedev(device.major, device.minor);
    let mode = Mode::from_raw_mode(device.mode);
    match rustix::fs::mknodat(parent, &device.name, device.kind, mode, number) {
        // It is the process's own, and nobody else is in this mount namespace yet.
        Ok(()) if (device.uid, device.gid) == (0, 0) => return Ok(()),
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let node =
        rustix::fs::openat(parent, &device.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&node)?;
    let same_kind = rustix::fs::FileType::from_raw_mode(stat.st_mode) == device.kind;
    if !same_kind || (device.kind != rustix::fs::FileType::Fifo && stat.st_rdev != number) {
        return Err(Errno::EXIST);
    }
    // What was checked above is what is changed.
    if Mode::from_raw_mode(stat.st_mode & 0o7777) != mode {
        rustix::fs::chmodat(parent, &device.name, mode, AtFlags::empty())?;
    }
    if (stat.st_uid, stat.st_gid) != (device.uid, device.gid) {
        let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
        rustix::fs::chownat(node.as_fd(), c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    }
    Ok(())
}

/// Makes a symbolic link, in place of a file or link that is there.
pub(super) fn symlink(parent: BorrowedFd<'_>, link: &Symlink) -> Result<(), Errno> {
    match rustix::fs::symlinkat(&link.target, parent, &link.name) {
        Err(Errno::EXIST) => {
            match rustix::fs::unlinkat(parent, &link.name, AtFlags::empty()) {
                // A directory, or something mounted, is the image's or the configuration's wish.
                Err(Errno::ISDIR | Errno::BUSY) => return Ok(()),
                other => other?,
            }
            rustix::fs::symlinkat(&link.target, parent, &link.name)
        }
        other => other,
    }
}
