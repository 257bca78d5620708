//! The root file system.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};
use teu_sys::mount::{Attributes, Change, Propagation, set_attributes, set_propagation};

use crate::plan::EnterRoot;

/// Keeps what is mounted here from spreading outside. Unmounting outside still has its effect here, so that nothing of
/// the host is held busy.
pub(super) fn isolate() -> Result<(), Errno> {
    set_propagation(c"/", Propagation::Slave, true)
}

/// Attaches the root file system at its path, where hooks look for it. A process in a user namespace of its own may not
/// get there; then `/` serves, which is always there.
pub(super) fn attach(mount: BorrowedFd<'_>, path: Option<&CStr>, or_over_root: bool) -> Result<(), Errno> {
    let to = |path: &CStr| move_mount(mount, c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
    match path.map(to) {
        None => to(c"/"),
        Some(Err(Errno::ACCESS | Errno::NOENT | Errno::PERM)) if or_over_root => to(c"/"),
        Some(done) => done,
    }
}

/// Makes the attached mount the root.
pub(super) fn enter(root: BorrowedFd<'_>, how: EnterRoot) -> Result<(), Errno> {
    rustix::process::fchdir(root)?;
    match how {
        EnterRoot::Pivot => {
            // The old root ends up on top of the new one, and is taken away from there.
            rustix::process::pivot_root(c".", c".")?;
            unmount(c".", UnmountFlags::DETACH)?;
        }
        EnterRoot::Move => {
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            match move_mount(root, c"", CWD, c"/", flags) {
                // It is there already.
                Ok(()) | Err(Errno::LOOP | Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            }
            rustix::process::chroot(c".")?;
        }
        EnterRoot::Chroot => rustix::process::chroot(c".")?,
    }
    rustix::process::chdir(c"/")
}

/// Makes the root mount read-only.
pub(super) fn make_readonly(root: BorrowedFd<'_>) -> Result<(), Errno> {
    set_attributes(root, &Change::set(Attributes::RDONLY))
}

/// Changes to a directory as root.
pub(super) fn change(dir: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::process::fchdir(dir)?;
    rustix::process::chroot(c".")
}
