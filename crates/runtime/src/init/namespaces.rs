//! Namespaces and cgroups.

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{
    LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags, move_into_link_name_space, move_into_thread_name_spaces,
};
use teu_oci::runtime::NamespaceKind;

use crate::plan::namespaces::link_type;

/// Moves this process into a cgroup, in each hierarchy.
pub(super) fn join_cgroup(files: &[OwnedFd]) -> Result<(), Errno> {
    files.iter().try_for_each(|file| rustix::io::write(file, b"0").map(|_| ()))
}

/// Enters one namespace.
pub(super) fn join(kind: NamespaceKind, fd: BorrowedFd<'_>) -> Result<(), Errno> {
    move_into_link_name_space(fd, Some(link_type(kind)))
}

/// Enters namespaces of another process.
pub(super) fn join_all_of(pidfd: BorrowedFd<'_>, flags: ThreadNameSpaceType) -> Result<(), Errno> {
    move_into_thread_name_spaces(pidfd, flags)
}

/// Makes new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    teu_sys::process::unshare(flags)
}

/// Sets the offsets of the time namespace made for this process's children, and enters it.
pub(super) fn enter_time_namespace(lines: &CStr, own_user_namespace: bool) -> Result<(), Errno> {
    let open = |path: &CStr, flags| rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty());
    if !lines.is_empty() {
        let offsets =
            super::credentials::readable(own_user_namespace, || open(c"/proc/self/timens_offsets", OFlags::WRONLY))?;
        rustix::io::write(&offsets, lines.to_bytes())?;
    }
    let namespace = open(c"/proc/self/ns/time_for_children", OFlags::RDONLY)?;
    move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Time))
}
