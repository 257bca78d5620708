//! Paths that are hidden or read-only, and kernel parameters.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, OFlags, ResolveFlags};
use rustix::io::Errno;
use teu_sys::mount::{Attributes, Change, Log, Parameter, attach, clone_tree, new_filesystem, set_attributes};

use super::path;

/// Device number of `/dev/null` (`Documentation/admin-guide/devices.txt`).
const NULL: (u32, u32) = (1, 3);

/// Hides what a path leads to: directories under an empty read-only tmpfs, which all of them share, anything else under
/// the host's `/dev/null`. A path that is not there needs no hiding.
pub(super) fn mask(root: BorrowedFd<'_>, path: &CStr, shared: &mut Option<OwnedFd>) -> Result<(), Errno> {
    let target = match path::open(root, path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    if !path::file_type(&target)?.is_dir() {
        return attach(null_device()?.as_fd(), target.as_fd());
    }
    match shared {
        Some(mount) => attach(clone_tree(mount.as_fd(), c"", false)?.as_fd(), target.as_fd()),
        None => {
            let mount = empty_directory()?;
            attach(mount.as_fd(), target.as_fd())?;
            *shared = Some(mount);
            Ok(())
        }
    }
}

fn empty_directory() -> Result<OwnedFd, Errno> {
    let attributes = Attributes::RDONLY | Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
    let none: &[Parameter] = &[];
    new_filesystem(c"tmpfs", Some(c"tmpfs"), none, attributes, &mut Log::default())
}

/// The host's `/dev/null`, still in reach; checked, since what is mounted is trusted to be it.
fn null_device() -> Result<OwnedFd, Errno> {
    let mount = clone_tree(CWD, c"/dev/null", false)?;
    let stat = rustix::fs::fstat(&mount)?;
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    let character = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_char_device();
    if character && device == NULL { Ok(mount) } else { Err(Errno::NXIO) }
}

/// Makes what a path leads to, and all beneath, read-only. A path that is not there needs nothing.
pub(super) fn make_readonly(root: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let target = match path::open(root, path) {
        Ok(target) => target,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let copy = clone_tree(target.as_fd(), c"", true)?;
    set_attributes(copy.as_fd(), &Change::set(Attributes::RDONLY))?;
    attach(copy.as_fd(), target.as_fd())
}

/// Makes the mount at a path read-only.
pub(super) fn remount_readonly(root: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    set_attributes(path::open(root, path)?.as_fd(), &Change::set(Attributes::RDONLY))
}

/// Sets a kernel parameter through a procfs of our own, where no link or mount can lead the write elsewhere.
pub(super) fn write_sysctl(proc: BorrowedFd<'_>, path: &CStr, value: &CStr) -> Result<(), Errno> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let sys = path::open_with(proc, c"sys", OFlags::PATH | OFlags::DIRECTORY, resolve)?;
    let file = path::open_with(sys.as_fd(), path, OFlags::WRONLY, resolve)?;
    rustix::io::write(&file, value.to_bytes()).map(|_| ())
}
