//! A keeper that lives and does not answer.
//!
//! It may have been stopped by a signal, or hang in a call to the kernel. The first is undone; of the second only its end
//! helps, which its successor makes good.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use teu_sys::pidfd;

use crate::launch::AT_HOOKS;

/// How long a keeper may be silent before it is killed.
const LONGEST: Duration = Duration::from_secs(60);
/// The same for one that waits for hooks of a container: nobody waits longer for the start that they belong to.
const LONGEST_HOOKS: Duration = Duration::from_mins(2);
/// Variables that set both, in seconds, for tests.
const PATIENCE: (&str, &str) = ("TEU_KEEPER_PATIENCE", "TEU_HOOKS_PATIENCE");

/// Read at once to compare executables.
const BLOCK: usize = 256 << 10;

/// A keeper's process.
#[derive(Debug)]
pub(super) struct Process {
    pid: i32,
    pidfd: OwnedFd,
}

/// What was done about a keeper that is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// It was stopped, and was told to go on.
    Continued,
    /// It was killed.
    Killed,
}

impl Process {
    /// The process that the kernel says is at the other end of a keeper's socket. None if it cannot be told for sure: while
    /// a keeper is starting, that is the process that starts it.
    pub(super) fn behind(socket: impl AsFd, exec_root: &Path) -> Option<Process> {
        let peer = rustix::net::sockopt::socket_peercred(socket).ok()?;
        Process::keeper(peer.pid.as_raw_nonzero().get(), exec_root)
    }

    /// The keeper of an exec root, if that is its process id.
    pub(super) fn keeper(pid: i32, exec_root: &Path) -> Option<Process> {
        let pidfd = pidfd::open(pid).ok()?;
        // Looked up after opening: the id may have been given to another process.
        is_keeper(pid, exec_root).then_some(Process { pid, pidfd })
    }

    /// Whether it runs this executable, or one with the same content.
    pub(super) fn runs(&self, exe: &Path) -> io::Result<bool> {
        let own = format!("/proc/{}/exe", self.pid);
        let (theirs, ours) = (fs::metadata(&own)?, fs::metadata(exe)?);
        if theirs.len() != ours.len() {
            return Ok(false);
        }
        // It runs from a protected copy, which has the same time only if it is a view of the file.
        if theirs.mtime_nsec() == ours.mtime_nsec() && theirs.mtime() == ours.mtime() {
            return Ok(true);
        }
        same(File::open(own)?, File::open(exe)?)
    }

    fn patience(&self) -> Duration {
        let name = fs::read_to_string(format!("/proc/{}/comm", self.pid)).unwrap_or_default();
        let at_hooks = name.trim_end().as_bytes() == AT_HOOKS.to_bytes();
        if at_hooks { limit(PATIENCE.1, LONGEST_HOOKS) } else { limit(PATIENCE.0, LONGEST) }
    }

    /// Does what can be done about a silence of that length.
    pub(super) fn cure(&self, silent: Duration) -> Option<Cure> {
        let (signal, cure) = if is_stopped(self.pid) {
            (Signal::CONT, Cure::Continued)
        } else if silent >= self.patience() {
            (Signal::KILL, Cure::Killed)
        } else {
            return None;
        };
        pidfd::send_signal(self.pidfd.as_fd(), signal.as_raw()).is_ok().then_some(cure)
    }
}

/// A time limit, unless a variable sets another.
fn limit(variable: &str, default: Duration) -> Duration {
    let set = std::env::var(variable).ok().and_then(|seconds| seconds.parse().ok());
    set.map_or(default, Duration::from_secs)
}

/// Whether two files have the same content.
fn same(mut one: File, mut other: File) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        let read = one.read(&mut left)?;
        if read == 0 {
            return Ok(other.read(&mut right)? == 0);
        }
        match other.read_exact(&mut right[..read]) {
            Ok(()) if left[..read] == right[..read] => {}
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// Whether a process is the keeper of an exec root, by its command line.
fn is_keeper(pid: i32, exec_root: &Path) -> bool {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let arguments: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
    arguments.contains(&&b"keeper"[..]) && arguments.contains(&exec_root.as_os_str().as_bytes())
}

/// Whether a signal has stopped a process (proc_pid_stat(5): `T`).
fn is_stopped(pid: i32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.iter().rposition(|&byte| byte == b')').and_then(|end| stat.get(end + 2));
    after_name == Some(&b'T')
}
