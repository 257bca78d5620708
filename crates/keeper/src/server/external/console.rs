//! The standard streams of a process that a runtime starts.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Std};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::getpid;

use crate::launch::Stdio;
use crate::wire::Inbox;

/// A descriptor of ours as a path for other processes.
pub(super) fn in_proc(fd: &OwnedFd) -> PathBuf {
    format!("/proc/{}/fd/{}", getpid().as_raw_nonzero(), fd.as_raw_fd()).into()
}

/// Gives the command the process's streams, or a socket to send the terminal's master to.
pub(super) fn prepare(
    command: &mut Command,
    dir: &Path,
    stdio: Stdio,
    kept: &mut Vec<OwnedFd>,
) -> io::Result<Option<UnixListener>> {
    let (stdin, stdout, stderr) = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => (stdin, stdout, stderr),
        Stdio::Terminal(_) => {
            command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
            // The directory's own path may be too long for a socket's name.
            let dir = openat(CWD, dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            let path = in_proc(&dir).join("console");
            kept.push(dir);
            let listener = UnixListener::bind(&path)?;
            listener.set_nonblocking(true)?;
            command.arg("--console-socket").arg(path);
            return Ok(Some(listener));
        }
    };
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    Ok(None)
}

/// The runtime has connected and sent the descriptor before it ended.
pub(super) fn receive(listener: UnixListener) -> io::Result<OwnedFd> {
    let (socket, _) = listener.accept()?;
    Inbox::descriptor(&socket)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
