//! Signals: names, descriptors, and a clean state for new programs.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::process::check;

/// Names by number (`signal(7)`, the numbers of x86 and ARM).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];
/// First real-time signal that glibc leaves to programs.
const RTMIN: i32 = 34;
/// Last signal.
const MAX: i32 = 64;

/// Reads a signal: a number, or a name with or without `SIG`, such as `TERM`, `SIGKILL`, `RTMIN+3`, `RTMAX-1`.
#[must_use]
pub fn parse(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=MAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(index) = NAMES.iter().position(|n| *n == name) {
        return i32::try_from(index + 1).ok();
    }
    let offset = |rest: &str, sign: char| -> Option<i32> {
        if rest.is_empty() { Some(0) } else { rest.strip_prefix(sign)?.parse().ok() }
    };
    let number = match name {
        "IOT" => 6,
        "CLD" => 17,
        "POLL" => 29,
        _ => match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
            (Some(rest), _) => RTMIN.checked_add(offset(rest, '+')?)?,
            (_, Some(rest)) => MAX.checked_sub(offset(rest, '-')?)?,
            _ => return None,
        },
    };
    (1..=MAX).contains(&number).then_some(number)
}

/// Gives every signal its default action and unblocks all of them, for a program that is about to be executed: ignored and
/// blocked signals are inherited, and Rust programs ignore `SIGPIPE`. Allocates nothing.
pub fn reset() {
    // The kernel's `struct sigaction` is four words at most; all zero, it is the default action.
    let default = [0u64; 4];
    for number in 1..=MAX {
        // SAFETY: the default action runs no code of ours, and `default` outlives the call. Not through glibc, which
        // refuses the two signals that its own `posix_spawn` leaves ignored. KILL and STOP fail harmlessly.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, number, &raw const default, ptr::null::<u64>(), size_of::<u64>())
        };
    }
    let _ = set_mask(libc::SIG_SETMASK, 0);
}

/// Blocks every signal that can be blocked, for a program that begins by taking them: those that come before it can stay
/// pending. Allocates nothing.
pub fn block() {
    let _ = set_mask(libc::SIG_SETMASK, ALL);
}

/// Every signal but the two that C libraries cancel threads and run timers with. As the kernel's set, one bit for each signal from
/// 1 on: musl's own sets leave out signal 34 as well, which is the first that programs may use.
const ALL: u64 = !(bit(32) | bit(33));

const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Sets the calling thread's mask of signals.
fn set_mask(how: libc::c_int, mask: u64) -> io::Result<()> {
    // SAFETY: the set has the size that is said and outlives the call; the old one is not asked for.
    let done =
        unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const mask, ptr::null::<u64>(), size_of::<u64>()) };
    Ok(check(done)?)
}

/// Signals of the process, read from a descriptor instead of being delivered.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

impl SignalFd {
    /// Blocks all signals that can be blocked for the calling thread, and opens a descriptor that yields them. Signals of
    /// faults (`SEGV` and the like) stay as they are.
    ///
    /// # Errors
    /// The kernel's.
    pub fn all() -> io::Result<SignalFd> {
        let faults = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGSYS, libc::SIGTRAP];
        let set = faults.into_iter().fold(ALL, |set, fault| set & !bit(fault));
        set_mask(libc::SIG_BLOCK, set)?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the set has the size that is said and outlives the call; the descriptor is new.
        let fd = unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const set, size_of::<u64>(), flags) };
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is new, and nobody else owns it.
        Ok(SignalFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next pending signal's number, if there is one.
    ///
    /// # Errors
    /// The kernel's.
    pub fn next(&self) -> io::Result<Option<i32>> {
        // The number is the first field of `struct signalfd_siginfo`.
        let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.0, &mut info) {
            Ok(_) => Ok(Some(i32::from_ne_bytes([info[0], info[1], info[2], info[3]]))),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_understood() {
        for (text, number) in [
            ("9", 9),
            ("KILL", 9),
            ("SIGTERM", 15),
            ("sigusr1", 10),
            ("SIGSYS", 31),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("SIGRTMAX-1", 63),
            ("64", 64),
        ] {
            assert_eq!(parse(text), Some(number), "{text}");
        }
        for text in ["", "0", "65", "-1", "SIG", "NOPE", "RTMIN-1", "RTMIN+99", "RTMAX+1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_blocked_signal_is_read() {
        std::thread::spawn(|| {
            let signals = SignalFd::all().unwrap();
            assert_eq!(signals.next().unwrap(), None);
            // SAFETY: the signal is blocked in this thread, to which it is sent.
            unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1) };
            assert_eq!(signals.next().unwrap(), Some(libc::SIGUSR1));
        })
        .join()
        .unwrap();
    }
}
