//! Sockets passed by a service manager (`sd_listen_fds(3)`).

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// First descriptor that is passed (`SD_LISTEN_FDS_START`).
const START: RawFd = 3;

/// A socket passed by a service manager.
#[derive(Debug)]
pub struct Passed {
    /// The socket, closed on exec.
    pub fd: OwnedFd,
    /// Number it was passed as.
    pub number: RawFd,
    /// Its name (`FileDescriptorName=`); empty if it has none.
    pub name: String,
}

/// Takes the sockets that were passed to this process. The second call finds none.
pub fn take() -> Vec<Passed> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let for_us = variable("LISTEN_PID").parse() == Ok(std::process::id());
    let count: RawFd = variable("LISTEN_FDS").parse().unwrap_or(0);
    if !for_us || TAKEN.swap(true, Ordering::AcqRel) {
        return Vec::new();
    }
    let names = variable("LISTEN_FDNAMES");
    let mut names = names.split(':');
    let mut passed = Vec::new();
    for number in START..START.saturating_add(count.clamp(0, 1024)) {
        let name = names.next().unwrap_or_default().to_owned();
        // SAFETY: fcntl on a number that is not open fails and changes nothing.
        let open = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
        if open {
            // SAFETY: the descriptor is open, was passed to this process to own, and is taken once only.
            let fd = unsafe { OwnedFd::from_raw_fd(number) };
            passed.push(Passed { fd, number, name });
        }
    }
    passed
}
