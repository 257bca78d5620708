//! Loading a filter into the kernel.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::{Action, Program};

/// Installs a filter for the calling thread (all threads with [`Flags::TSYNC`](super::Flags::TSYNC)). It cannot be
/// removed. Makes one system call and allocates nothing: it may be called between `clone3` and `execve`.
///
/// The caller has `CAP_SYS_ADMIN` in its user namespace or has set no-new-privileges. Yields the listener's descriptor
/// if the program notifies.
///
/// # Errors
/// The kernel's; `EACCES` without the privilege.
pub fn install(_program: &Program) -> Result<Option<OwnedFd>, Errno> {
    todo!()
}

/// Whether the kernel knows an action.
#[must_use]
pub fn supports_action(_action: Action) -> bool {
    todo!()
}
