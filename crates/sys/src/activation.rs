//! Sockets that this process was given when it began: by a service manager (`sd_listen_fds(3)`), or by the program that
//! it executed before.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// First descriptor that is passed (`SD_LISTEN_FDS_START`).
const START: RawFd = 3;

/// The variable that says which sockets the program before has left open: the process id, then for each a line with its
/// descriptor, the number it was passed as by a service manager (if it was) and its name.
const LEFT: &str = "TEU_LEFT_SOCKETS";

/// What a process was given.
#[derive(Debug, Default)]
pub struct Given {
    /// By a service manager, maybe to the program before.
    pub passed: Vec<Passed>,
    /// By the program before, which made them.
    pub kept: Vec<OwnedFd>,
}

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

/// Takes the sockets that this process was given. The second call finds none.
pub fn take() -> Given {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Given::default();
    }
    let left = std::env::var(LEFT).unwrap_or_default();
    let mut lines = left.lines();
    if lines.next().is_some_and(|pid| pid.parse() == Ok(std::process::id())) {
        return lines.filter_map(parse).fold(Given::default(), collect);
    }
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let for_us = variable("LISTEN_PID").parse() == Ok(std::process::id());
    let count: RawFd = variable("LISTEN_FDS").parse().unwrap_or(0);
    if !for_us {
        return Given::default();
    }
    let names = variable("LISTEN_FDNAMES");
    let mut names = names.split(':');
    let passed = START..START.saturating_add(count.clamp(0, 1024));
    let passed = passed.map(|number| (number, Some(number), names.next().unwrap_or_default().to_owned()));
    passed.fold(Given::default(), collect)
}

/// Descriptor, number and name of a line of [`LEFT`].
fn parse(line: &str) -> Option<(RawFd, Option<RawFd>, String)> {
    let mut fields = line.splitn(3, ' ');
    let fd = fields.next()?.parse().ok().filter(|fd| *fd >= START)?;
    let number = fields.next()?.parse().ok();
    Some((fd, number, fields.next().unwrap_or_default().to_owned()))
}

fn collect(mut given: Given, (fd, number, name): (RawFd, Option<RawFd>, String)) -> Given {
    // SAFETY: fcntl on a number that is not open fails and changes nothing.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } == 0 {
        // SAFETY: the descriptor is open, was given to this process to own, and is taken once only.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        match number {
            Some(number) => given.passed.push(Passed { fd, number, name }),
            None => given.kept.push(fd),
        }
    }
    given
}

/// Leaves sockets open for the program that this process executes next; with those passed by a service manager, their
/// number and name. Returns the variable to execute it with.
///
/// # Errors
/// A descriptor cannot be changed.
pub fn leave<'a>(
    sockets: impl IntoIterator<Item = (&'a OwnedFd, Option<(RawFd, &'a str)>)>,
) -> io::Result<(&'static str, OsString)> {
    let mut text = std::process::id().to_string();
    for (fd, passed) in sockets {
        rustix::io::fcntl_setfd(fd.as_fd(), rustix::io::FdFlags::empty())?;
        let (number, name) = passed.map_or((String::from("-"), ""), |(number, name)| (number.to_string(), name));
        text.push_str(&format!("\n{} {number} {name}", fd.as_raw_fd()));
    }
    Ok((LEFT, text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_left_as_they_are_found() {
        let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let (own, passed) = (file(), file());
        let (_, text) = leave([(&own, None), (&passed, Some((3, "a b")))]).unwrap();
        let text = text.into_string().unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), std::process::id().to_string());
        let parsed: Vec<_> = lines.map(|line| parse(line).unwrap()).collect();
        assert_eq!(parsed[0], (own.as_raw_fd(), None, String::new()));
        assert_eq!(parsed[1], (passed.as_raw_fd(), Some(3), "a b".to_owned()));
        assert_eq!(parse("2 - "), None, "standard error is nobody's socket");
        assert_eq!(parse("x"), None);
    }
}
