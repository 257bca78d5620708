//! Sockets: what the other side has not read yet.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::process::check;

/// How much of what was written to a unix stream socket its other side has not read yet: 0 when it has read all. Other
/// values count the kernel's buffers, not bytes (`SIOCOUTQ`, unix(7)).
///
/// # Errors
/// `EINVAL` for a listening socket, `ENOTTY` if it is none.
pub fn unread(socket: BorrowedFd<'_>) -> Result<u32, Errno> {
    let mut amount: libc::c_int = 0;
    // `TIOCOUTQ` is the same number under another name (`asm-generic/sockios.h`).
    // SAFETY: `amount` is what the request writes, and outlives the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut amount) }.into())?;
    Ok(u32::try_from(amount).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::unread;

    #[test]
    fn what_is_read_is_not_counted() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert_eq!(unread(ours.as_fd()), Ok(0));
        ours.write_all(b"head").unwrap();
        assert!(unread(ours.as_fd()).unwrap() > 0);
        theirs.read_exact(&mut [0; 4]).unwrap();
        assert_eq!(unread(ours.as_fd()), Ok(0));
    }
}
