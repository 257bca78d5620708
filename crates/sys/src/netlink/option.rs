//! Socket options that rustix does not have.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Switches a boolean option of level `SOL_NETLINK` on.
pub(super) fn set_netlink_option(fd: BorrowedFd<'_>, option: libc::c_int) -> io::Result<()> {
    const SIZE: libc::socklen_t = 4;
    let on: libc::c_int = 1;
    // SAFETY: the value points to a c_int that outlives the call and its size is given.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), SIZE) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
