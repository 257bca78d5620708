//! Making and replacing processes.

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::io::Errno;

mod spawn;

pub use spawn::{CloneFlags, Spawned, spawn, spawn_holding};

/// Ends the process at once: no destructors, no exit handlers.
pub fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// A list of C strings with a null pointer at its end, as `execve(2)` takes it; built before the clone, used after.
#[derive(Debug)]
pub struct CStringArray {
    strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStringArray {
    /// Takes the strings.
    #[must_use]
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect();
        CStringArray { strings, pointers }
    }

    /// The strings.
    #[must_use]
    pub fn strings(&self) -> &[CString] {
        &self.strings
    }
}

/// Replaces the process's program. Returns only on failure. Allocates nothing.
pub fn execve(path: &CStr, args: &CStringArray, env: &CStringArray) -> Errno {
    // SAFETY: the path and both arrays are terminated and outlive the call.
    unsafe { libc::execve(path.as_ptr(), args.pointers.as_ptr(), env.pointers.as_ptr()) };
    last_errno()
}

/// Replaces the process's program by an open file. Returns only on failure.
pub fn execveat(file: BorrowedFd<'_>, args: &CStringArray, env: &CStringArray) -> Errno {
    // SAFETY: both arrays are terminated and outlive the call; the empty path names the descriptor.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_raw_fd(),
            c"".as_ptr(),
            args.pointers.as_ptr(),
            env.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    last_errno()
}

/// Marks every descriptor from `first` on to be closed by `execve`. Falls back to one call per descriptor before Linux 5.11.
///
/// # Errors
/// The kernel's.
pub fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed, and no descriptor is closed now.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match check(done) {
        // Before Linux 5.11, or a filter that does not know the call.
        Err(Errno::NOSYS | Errno::INVAL | Errno::PERM) => close_on_exec_one_by_one(first),
        other => other,
    }
}

fn close_on_exec_one_by_one(first: u32) -> Result<(), Errno> {
    for fd in first..open_limit() {
        // SAFETY: `F_SETFD` on a number that is not open fails with `EBADF` and changes nothing.
        unsafe { libc::fcntl(fd.cast_signed(), libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}

/// Lets go of all descriptors, sleeps, and exits with `code`: whoever has the other ends sees them closed. Allocates nothing.
pub fn sleep_alone(seconds: i64, code: i32) -> ! {
    // SAFETY: no memory is passed; this function never returns, and so nobody uses a descriptor after this.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0) };
    if closed == -1 {
        for fd in 0..open_limit() {
            // SAFETY: as above. A number that is not open fails with `EBADF`.
            unsafe { libc::close(fd.cast_signed()) };
        }
    }
    let time = rustix::thread::Timespec { tv_sec: seconds, tv_nsec: 0 };
    // Cut short by a signal, it exits at once.
    let _ = rustix::thread::nanosleep(&time);
    exit(code)
}

/// Numbers that open descriptors may have.
fn open_limit() -> u32 {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0);
    // The limit may have been lowered since the descriptors were opened.
    u32::try_from(limit).unwrap_or(u32::MAX).clamp(1 << 16, 1 << 20)
}

/// Gives `fd` a second, inheritable number. Where both are the same, only close-on-exec is cleared.
///
/// # Errors
/// The kernel's.
pub fn inherit_as(fd: BorrowedFd<'_>, number: i32) -> Result<(), Errno> {
    if fd.as_raw_fd() == number {
        // SAFETY: only a flag of an open descriptor changes.
        return check(unsafe { libc::fcntl(number, libc::F_SETFD, 0) }.into());
    }
    // SAFETY: the caller is about to execute a program; nothing in this process owns `number` any more.
    check(unsafe { libc::dup3(fd.as_raw_fd(), number, 0) }.into())
}

/// Duplicates a descriptor to the lowest number that is free from `lowest` on (close-on-exec).
///
/// # Errors
/// `EMFILE` if none is free.
pub fn duplicate_from(fd: BorrowedFd<'_>, lowest: i32) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(fd, lowest)?)
}

/// Makes new namespaces for the calling thread.
///
/// # Errors
/// `EPERM` without the privilege, `EINVAL` for a kind that the kernel does not have.
pub fn unshare(namespaces: rustix::thread::UnshareFlags) -> Result<(), Errno> {
    let namespaces = namespaces - rustix::thread::UnshareFlags::FILES;
    // SAFETY: descriptors stay shared between threads, so that nobody's close concerns a number that another has reused.
    unsafe { rustix::thread::unshare_unsafe(namespaces) }
}

/// The working directory as the kernel tells it: one outside of the root starts with `(unreachable)`. Allocates nothing.
///
/// # Errors
/// `ENOENT` if the directory is removed, `ERANGE` if the buffer is too short.
pub fn current_directory(buffer: &mut [u8]) -> Result<&CStr, Errno> {
    // SAFETY: the kernel writes at most the length that is passed, with a terminator.
    check(unsafe { libc::syscall(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len()) })?;
    CStr::from_bytes_until_nul(buffer).map_err(|_| Errno::RANGE)
}

pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

pub(crate) fn check(result: libc::c_long) -> Result<(), Errno> {
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}
