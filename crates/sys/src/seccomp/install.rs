//! Loading a filter into the kernel.

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;

use super::{Action, Flags, Instruction, Program};

/// `SECCOMP_SET_MODE_FILTER`
const SET_MODE_FILTER: libc::c_long = 1;
/// `SECCOMP_GET_ACTION_AVAIL`
const GET_ACTION_AVAIL: libc::c_long = 2;
/// `SECCOMP_FILTER_FLAG_TSYNC_ESRCH`: with a listener, a failure to synchronise is an error rather than a thread id.
const TSYNC_ESRCH: u32 = 16;

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct SockFprog {
    len: u16,
    filter: *const Instruction,
}

/// Installs a filter for the calling thread (all threads with [`Flags::TSYNC`]). It cannot be removed. Makes one system
/// call and allocates nothing: it may be called between `clone3` and `execve`.
///
/// The caller has `CAP_SYS_ADMIN` in its user namespace or has set no-new-privileges. Yields the listener's descriptor
/// if the program notifies.
///
/// # Errors
/// The kernel's; `EACCES` without the privilege, `ESRCH` if not all threads could be synchronised.
pub fn install(program: &Program) -> Result<Option<OwnedFd>, Errno> {
    let mut flags = program.flags.bits();
    if program.notifies && program.flags.contains(Flags::TSYNC) {
        flags |= TSYNC_ESRCH;
    }
    let len = u16::try_from(program.instructions.len()).map_err(|_| Errno::INVAL)?;
    let fprog = SockFprog { len, filter: program.instructions.as_ptr() };
    // SAFETY: `fprog` describes a slice of instructions that lives until the call returns; the kernel only reads it.
    let result = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, &raw const fprog) };
    if result < 0 {
        return Err(last_error());
    }
    if !program.notifies {
        // Otherwise it is the id of a thread that has another filter.
        return if result == 0 { Ok(None) } else { Err(Errno::SRCH) };
    }
    let fd = i32::try_from(result).map_err(|_| Errno::INVAL)?;
    // SAFETY: with a listener the kernel returns a new descriptor, which is nobody else's.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Whether the kernel knows an action.
#[must_use]
pub fn supports_action(action: Action) -> bool {
    // The kernel wants the action without its data.
    let value = action.encode() & 0xFFFF_0000;
    // SAFETY: the kernel reads one u32 that lives until the call returns.
    unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0, &raw const value) == 0 }
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
