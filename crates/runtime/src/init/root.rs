//! The root file system.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, mount_move, move_mount, unmount};
use teu_sys::mount::{Attributes, Change, Propagation, api, bind, change, set_propagation};

use crate::plan::{EnterRoot, Root};

/// Keeps what is mounted here from spreading outside. Unmounting outside still has its effect here, so that nothing of
/// the host is held busy.
pub(super) fn isolate() -> Result<(), Errno> {
    set_propagation(c"/", Propagation::Slave, true)
}

/// Attaches the root file system at its path, where hooks look for it. A process in a user namespace of its own may not
/// get there; then `/` serves, which is always there. Gives the root.
pub(super) fn attach(root: &Root) -> Result<BorrowedFd<'_>, Errno> {
    let mount = match root.detached {
        true => {
            attach_detached(root)?;
            root.fd.as_fd()
        }
        false => bind_directory(root)?,
    };
    root.change.iter().try_for_each(|wanted| change(mount, wanted))?;
    Ok(mount)
}

fn attach_detached(root: &Root) -> Result<(), Errno> {
    let to = |path: &CStr| move_mount(&root.fd, c"", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH);
    match root.path.as_deref().map(to) {
        None => to(c"/"),
        Some(Err(Errno::ACCESS | Errno::NOENT | Errno::PERM)) if root.or_over_root => to(c"/"),
        Some(done) => done,
    }
}

/// Makes a mount of the directory, with what is mounted below, in its place.
fn bind_directory(root: &Root) -> Result<BorrowedFd<'_>, Errno> {
    let path = root.path.as_deref().ok_or(Errno::INVAL)?;
    let open = || rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    // Opened again: the caller's belongs to another mount namespace.
    let directory = open()?;
    bind(directory.as_fd(), true, directory.as_fd())?;
    let mount = open()?;
    Ok(root.attached.get_or_init(|| mount).as_fd())
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
            let moved = match api().detached {
                true => move_mount(root, c"", CWD, c"/", flags),
                false => mount_move(c".", c"/"),
            };
            match moved {
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
    change(root, &Change::set(Attributes::RDONLY))
}

/// Changes to a directory as root.
pub(super) fn enter_other(dir: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::process::fchdir(dir)?;
    rustix::process::chroot(c".")
}
