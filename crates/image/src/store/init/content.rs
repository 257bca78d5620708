//! What is in an init layer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, chmodat, fstat, futimens, mkdirat, mknodat, statat,
    symlinkat,
};
use rustix::io::{Errno, Result};

/// Something to be made.
enum Thing {
    /// With the mode that runtimes give to mount points.
    Folder,
    /// Empty, with this mode.
    File(u32),
    /// To this target.
    Link(&'static str),
}

/// Folder, name, and what is there if the image has nothing. Modes and targets are Docker's.
const CONTENT: [(&str, &str, Thing); 9] = [
    (".", ".dockerenv", Thing::File(0o755)),
    (".", "dev", Thing::Folder),
    (".", "etc", Thing::Folder),
    (".", "proc", Thing::Folder),
    (".", "sys", Thing::Folder),
    ("etc", "hostname", Thing::File(0o644)),
    ("etc", "hosts", Thing::File(0o644)),
    ("etc", "mtab", Thing::Link("/proc/mounts")),
    ("etc", "resolv.conf", Thing::File(0o644)),
];

/// Makes what is missing in an image. Its links lead nowhere but into it, and what is there stays, whatever it is.
pub(super) fn fill(root: BorrowedFd<'_>) -> Result<()> {
    for (folder, name, thing) in &CONTENT {
        if let Some(folder) = open_folder(root, folder)? {
            make_if_missing(&folder, name, thing)?;
        }
    }
    Ok(())
}

/// A folder of the image; `None` if it has something else there, such as a link to nothing.
fn open_folder(root: BorrowedFd<'_>, path: &str) -> Result<Option<OwnedFd>> {
    match teu_sys::scoped::open(root, path, OFlags::RDONLY | OFlags::DIRECTORY) {
        Ok(folder) => Ok(Some(folder)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn make_if_missing(folder: &OwnedFd, name: &str, thing: &Thing) -> Result<()> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let before = times(folder)?;
    make(folder.as_fd(), name, thing)?;
    // To containers the folder looks as in the image.
    futimens(folder, &before)
}

fn make(folder: BorrowedFd<'_>, name: &str, thing: &Thing) -> Result<()> {
    // Once more: the umask is anybody's.
    let set_mode = |mode| chmodat(folder, name, Mode::from_raw_mode(mode), AtFlags::empty());
    match thing {
        Thing::Folder => mkdirat(folder, name, Mode::from_raw_mode(0o755)).and_then(|()| set_mode(0o755)),
        Thing::File(mode) => {
            let made = mknodat(folder, name, FileType::RegularFile, Mode::from_raw_mode(*mode), 0);
            made.and_then(|()| set_mode(*mode))
        }
        Thing::Link(target) => symlinkat(*target, folder, name),
    }
}

fn times(folder: &OwnedFd) -> Result<Timestamps> {
    let stat = fstat(folder)?;
    let time = |seconds, nanoseconds| {
        // Within a second: below two to the power of 30.
        Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or_default() }
    };
    Ok(Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    })
}
