//! Pseudo-terminals.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;

use crate::process::check;

/// Magic number of `devpts` (`linux/magic.h`).
const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;
/// Device number of every `ptmx` (`Documentation/admin-guide/devices.txt`).
const PTMX: (u32, u32) = (5, 2);

/// A pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The side that a terminal emulator holds.
    pub master: OwnedFd,
    /// The side that programs hold.
    pub slave: OwnedFd,
}

/// Opens a new pseudo-terminal of the `devpts` mounted at `dir`, after making sure that it is one: a container's image
/// decides what is there. Allocates nothing.
///
/// # Errors
/// `ENOTTY` if `dir` is not a `devpts` mount; else the kernel's.
pub fn open_in(dir: BorrowedFd<'_>) -> Result<Pty, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let master = rustix::fs::openat2(dir, c"ptmx", flags, Mode::empty(), resolve)?;
    #[allow(clippy::useless_conversion, reason = "the type of the field differs between architectures")]
    let magic = i64::try_from(rustix::fs::fstatfs(&master)?.f_type).unwrap_or(0);
    if magic != DEVPTS_SUPER_MAGIC || device_number(&master)? != PTMX {
        return Err(Errno::NOTTY);
    }
    rustix::pty::unlockpt(&master)?;
    let slave =
        rustix::pty::ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    Ok(Pty { master, slave })
}

fn device_number(fd: &OwnedFd) -> Result<(u32, u32), Errno> {
    let device = rustix::fs::fstat(fd)?.st_rdev;
    Ok((rustix::fs::major(device), rustix::fs::minor(device)))
}

/// What a pseudo-terminal is called: as long as its master is open anywhere, no other one has this name. Made of the file
/// system that the master was opened in, by device number, and the terminal's number there.
///
/// # Errors
/// `ENOTTY` if it is no master.
pub fn name(master: BorrowedFd<'_>) -> Result<String, Errno> {
    let slave = rustix::pty::ptsname(master, Vec::new())?;
    Ok(format!("{} {}", rustix::fs::fstat(master)?.st_dev, slave.to_string_lossy()))
}

/// Makes a terminal the controlling one of the calling session leader.
///
/// # Errors
/// `EPERM` if the process leads no session or has a terminal.
pub fn make_controlling(terminal: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::process::ioctl_tiocsctty(terminal)
}

/// Sets a terminal's size in characters.
///
/// # Errors
/// `ENOTTY` if it is none.
pub fn set_size(terminal: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<(), Errno> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: `size` is what the request reads, and outlives the call.
    check(unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }.into())
}

/// A terminal's size in characters: rows, columns.
///
/// # Errors
/// `ENOTTY` if it is none.
pub fn size(terminal: BorrowedFd<'_>) -> Result<(u16, u16), Errno> {
    let size = rustix::termios::tcgetwinsize(terminal)?;
    Ok((size.ws_row, size.ws_col))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_new_terminal_has_the_size_that_was_set() {
        let dir = rustix::fs::open("/dev/pts", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let pty = open_in(dir.as_fd()).unwrap();
        set_size(pty.master.as_fd(), 30, 100).unwrap();
        assert_eq!(size(pty.slave.as_fd()).unwrap(), (30, 100));
        rustix::io::write(&pty.slave, b"x").unwrap();
        let mut buffer = [0; 1];
        assert_eq!(rustix::io::read(&pty.master, &mut buffer).unwrap(), 1);
    }

    #[test]
    fn each_has_a_name_of_its_own() {
        let dir = rustix::fs::open("/dev/pts", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let [one, other] = [(); 2].map(|()| open_in(dir.as_fd()).unwrap());
        let duplicate = one.master.try_clone().unwrap();
        assert_eq!(name(one.master.as_fd()).unwrap(), name(duplicate.as_fd()).unwrap());
        assert_ne!(name(one.master.as_fd()).unwrap(), name(other.master.as_fd()).unwrap());
        assert!(name(dir.as_fd()).is_err());
    }

    #[test]
    fn a_directory_that_is_no_devpts_is_refused() {
        let dir = rustix::fs::open("/dev", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        assert!(open_in(dir.as_fd()).is_err());
    }
}
