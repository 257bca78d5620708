//! Paths that are hidden or read-only, and kernel parameters.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use teu_sys::mount::{self as sys, Attributes, Change, Log, api, attach, bind, change, new_filesystem};

use super::path;

/// Device number of `/dev/null` (`Documentation/admin-guide/devices.txt`).
const NULL: (u32, u32) = (1, 3);

/// Hides what a path leads to: directories under an empty read-only one, which is the caller's or a tmpfs that all of them
/// share, anything else under the host's `/dev/null`. A path that is not there needs no hiding.
pub(super) fn mask(
    root: BorrowedFd<'_>,
    path: &CStr,
    empty: Option<&CStr>,
    shared: &mut Option<OwnedFd>,
) -> Result<(), Errno> {
    let target = match path::open(root, path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if !path::file_type(&target)?.is_dir() {
        return bind(null_device()?.as_fd(), false, target.as_fd()).map(|_| ());
    }
    match shared {
        Some(mount) => bind(mount.as_fd(), false, target.as_fd()).map(|_| ()),
        None => {
            *shared = Some(match empty {
                Some(empty) => bind_empty(root, path, empty, target.as_fd())?,
                None => mount_empty(root, path, target.as_fd())?,
            });
            Ok(())
        }
    }
}

/// What a directory that hides others is mounted with.
fn sealed() -> Attributes {
    Attributes::RDONLY | Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC
}

/// Binds the caller's empty directory, and gives the mount.
fn bind_empty(root: BorrowedFd<'_>, path: &CStr, empty: &CStr, target: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, empty, flags, Mode::empty())?;
    let bound = bind(directory.as_fd(), false, target)?;
    let mount = bound.map_or_else(|| path::open(root, path), Ok)?;
    change(mount.as_fd(), &Change::set(sealed()))?;
    Ok(mount)
}

/// Mounts a directory that is empty and stays so, and gives the mount.
fn mount_empty(root: BorrowedFd<'_>, path: &CStr, target: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let attributes = sealed();
    if api().detached {
        let mount = new_filesystem(c"tmpfs", Some(c"tmpfs"), &[], attributes, &mut Log::default())?;
        attach(mount.as_fd(), target)?;
        return Ok(mount);
    }
    sys::mount(c"tmpfs", c"tmpfs", c"", 0, attributes, target)?;
    let mount = path::open(root, path)?;
    change(mount.as_fd(), &Change::set(Attributes::RDONLY))?;
    Ok(mount)
}

/// The host's `/dev/null`, still in reach; checked, since what is mounted is trusted to be it.
fn null_device() -> Result<OwnedFd, Errno> {
    let null = rustix::fs::openat(CWD, c"/dev/null", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&null)?;
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    let character = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device();
    if character && device == NULL { Ok(null) } else { Err(Errno::NXIO) }
}

/// Makes what a path leads to, and all beneath, read-only. A path that is not there needs nothing.
pub(super) fn make_readonly(root: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let target = match path::open(root, path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let copy = bind(target.as_fd(), true, target.as_fd())?;
    let copy = copy.map_or_else(|| path::open(root, path), Ok)?;
    change(copy.as_fd(), &Change::set(Attributes::RDONLY))
}

/// Makes the mount at a path read-only. One that a later mount hides, as `--tmpfs /sys` does with the control groups, needs
/// nothing: nobody gets to it.
pub(super) fn remount_readonly(root: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let changed = path::open(root, path).and_then(|target| change(target.as_fd(), &Change::set(Attributes::RDONLY)));
    match changed {
        // Nothing is there, or no mount begins there.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL) => Ok(()),
        other => other,
    }
}

/// Sets a kernel parameter through a procfs of our own, where no link or mount can lead the write elsewhere.
pub(super) fn write_sysctl(proc: BorrowedFd<'_>, path: &CStr, value: &CStr) -> Result<(), Errno> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let sys = path::open_with(proc, c"sys", OFlags::PATH | OFlags::DIRECTORY, resolve)?;
    let file = path::open_with(sys.as_fd(), path, OFlags::WRONLY, resolve)?;
    rustix::io::write(&file, value.to_bytes()).map(|_| ())
}
