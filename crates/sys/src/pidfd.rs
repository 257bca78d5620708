//! Process descriptors: a name for a process that is never reused.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, WaitId, WaitIdOptions, pidfd_getfd, pidfd_open, waitid};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Signaled(i32),
}

impl ExitStatus {
    /// The code a shell would show: 128 plus the number for a signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) => 128 + signal,
        }
    }

    /// Reads the form that `wait(2)` yields.
    #[must_use]
    pub fn from_wait(status: i32) -> Self {
        match status & 0x7f {
            0 => ExitStatus::Exited((status >> 8) & 0xff),
            signal => ExitStatus::Signaled(signal),
        }
    }
}

/// Opens a descriptor of a process.
///
/// # Errors
/// `ESRCH` if there is no such process.
pub fn open(pid: i32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// The id of the process, seen from the caller.
///
/// # Errors
/// `ESRCH` if it has been reaped, or is not in the caller's namespace of process ids.
pub fn id(pidfd: BorrowedFd<'_>) -> io::Result<i32> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
    let field = text.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|text| text.trim().parse().ok());
    // 0 and -1 stand for the two cases.
    field.filter(|pid| *pid > 0).ok_or_else(|| rustix::io::Errno::SRCH.into())
}

/// Duplicates a descriptor that another process has.
///
/// # Errors
/// `EPERM` if the caller may not trace that process, `EBADF` if it has no such descriptor, `ENOSYS` before Linux 5.6.
pub fn duplicate(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<OwnedFd> {
    Ok(pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty())?)
}

/// Waits for a child to end, and reaps it.
///
/// # Errors
/// `ECHILD` if the process is not the caller's child.
pub fn wait(pidfd: BorrowedFd<'_>) -> io::Result<ExitStatus> {
    loop {
        match wait_with(pidfd, WaitIdOptions::EXITED) {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Reaps a child if it has ended; `None` while it runs.
///
/// # Errors
/// As [`wait`].
pub fn try_wait(pidfd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    wait_with(pidfd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

/// How a child has ended, leaving it to be reaped later; `None` while it runs.
///
/// # Errors
/// As [`wait`].
pub fn peek(pidfd: BorrowedFd<'_>) -> io::Result<Option<ExitStatus>> {
    wait_with(pidfd, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
}

fn wait_with(pidfd: BorrowedFd<'_>, options: WaitIdOptions) -> io::Result<Option<ExitStatus>> {
    let Some(status) = waitid(WaitId::PidFd(pidfd), options)? else { return Ok(None) };
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Some(ExitStatus::Exited(code)),
        (None, Some(signal)) => Some(ExitStatus::Signaled(signal)),
        (None, None) => None,
    })
}

/// Sends a signal. Signal 0 only checks that the process is there.
///
/// # Errors
/// `ESRCH` if the process has been reaped, `EINVAL` for a number that is no signal.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: no memory is passed; the descriptor is open.
    let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the process has ended (it may not have been reaped yet).
///
/// # Errors
/// The kernel's.
pub fn has_exited(pidfd: impl AsFd) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    Ok(poll(&mut fds, Some(&none))? > 0)
}

/// `struct pidfd_info` of `linux/pidfd.h`, its first published size (64 bytes).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroup_id: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// `PIDFD_INFO_EXIT` of `linux/pidfd.h`.
const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `PIDFD_GET_INFO` of `linux/pidfd.h`: `_IOWR(0xFF, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: libc::Ioctl = (3 << 30) | (64 << 16) | (0xFF << 8) | 11;

/// How a process ended that somebody else has reaped. `None` where that is not known: it has not been reaped yet, or the
/// kernel is older than 6.15.
#[must_use]
pub fn reaped_status(pidfd: BorrowedFd<'_>) -> Option<ExitStatus> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: the kernel writes at most the 64 bytes that the request's number says, which `info` has.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO, &raw mut info) };
    (done == 0 && info.mask & PIDFD_INFO_EXIT != 0).then(|| ExitStatus::from_wait(info.exit_code))
}

/// `PIDFD_GET_MNT_NAMESPACE` of `linux/pidfd.h`: `_IO(0xFF, 3)`.
const PIDFD_GET_MNT_NAMESPACE: libc::Ioctl = (0xFF << 8) | 3;

/// The mount namespace of a process, from Linux 6.11 by its descriptor, before by its number.
///
/// # Errors
/// The process has ended.
pub fn mount_namespace(pidfd: BorrowedFd<'_>, pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed; the descriptor is open.
    let fd = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_MNT_NAMESPACE, 0) };
    if fd >= 0 {
        // SAFETY: the kernel has just opened it for us, close-on-exec.
        return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/mnt"))?;
    // The number may have been another process's: it was not as long as this one has not been reaped.
    send_signal(pidfd, 0)?;
    Ok(namespace.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn spawn(script: &str) -> (std::process::Child, OwnedFd) {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let fd = open(i32::try_from(child.id()).unwrap()).unwrap();
        (child, fd)
    }

    #[test]
    fn exit_codes_and_signals_are_told_apart() {
        let (_child, fd) = spawn("exit 7");
        assert_eq!(wait(fd.as_fd()).unwrap(), ExitStatus::Exited(7));
        let (_child, fd) = spawn("kill -9 $$");
        let status = wait(fd.as_fd()).unwrap();
        assert_eq!(status, ExitStatus::Signaled(9));
        assert_eq!(status.code(), 137);
    }

    #[test]
    fn a_running_child_has_no_status_until_it_ends() {
        let (_child, fd) = spawn("exec sleep 1000");
        assert_eq!(try_wait(fd.as_fd()).unwrap(), None);
        assert!(!has_exited(&fd).unwrap());
        send_signal(fd.as_fd(), libc::SIGTERM).unwrap();
        assert_eq!(wait(fd.as_fd()).unwrap(), ExitStatus::Signaled(libc::SIGTERM));
        assert!(send_signal(fd.as_fd(), 0).is_err());
    }

    #[test]
    fn the_mount_namespace_of_a_process() {
        use std::os::unix::fs::MetadataExt as _;
        let (mut child, fd) = spawn("exec sleep 1000");
        let pid = i32::try_from(child.id()).unwrap();
        let namespace = std::fs::File::from(mount_namespace(fd.as_fd(), pid).unwrap());
        assert_eq!(namespace.metadata().unwrap().ino(), std::fs::metadata("/proc/self/ns/mnt").unwrap().ino());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(mount_namespace(fd.as_fd(), pid).is_err());
    }

    #[test]
    fn a_reaped_process_still_tells_its_status_where_the_kernel_can() {
        let (mut child, fd) = spawn("exit 3");
        assert_eq!(peek_until_exit(&fd), ExitStatus::Exited(3));
        child.wait().unwrap();
        // Linux 6.15 and later.
        if let Some(status) = reaped_status(fd.as_fd()) {
            assert_eq!(status, ExitStatus::Exited(3));
        }
    }

    fn peek_until_exit(fd: &OwnedFd) -> ExitStatus {
        use rustix::event::{PollFd, PollFlags, poll};
        poll(&mut [PollFd::new(fd, PollFlags::IN)], None).unwrap();
        peek(fd.as_fd()).unwrap().unwrap()
    }

    #[test]
    fn wait_statuses_are_decoded() {
        assert_eq!(ExitStatus::from_wait(0x0300), ExitStatus::Exited(3));
        assert_eq!(ExitStatus::from_wait(0x89), ExitStatus::Signaled(9));
    }
}
