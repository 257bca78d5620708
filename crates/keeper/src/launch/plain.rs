//! Processes that are not contained at all: for the keeper's own tests.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use teu_oci::runtime::Process;

use super::{Create, Exec, Launched, Launcher, Prepared, Stdio};
use crate::protocol::{Failure, FailureKind};

/// Runs a container's program as a plain child, in a process group of its own. A terminal is opened in the host's
/// `devpts`.
#[derive(Debug, Default)]
pub struct Plain;

impl Launcher for Plain {
    fn create<'a>(&mut self, request: Create<'a>) -> Result<Box<dyn Prepared + 'a>, Failure> {
        let process = request.spec.process.as_ref();
        let process = process.ok_or_else(|| Failure::new(FailureKind::Invalid, "the container has no process"))?;
        Ok(Box::new(Ready(spawn(process, request.stdio)?)))
    }

    fn exec<'a>(&mut self, request: Exec<'a>) -> Result<Box<dyn Prepared + 'a>, Failure> {
        Ok(Box::new(Ready(spawn(request.process, request.stdio)?)))
    }
}

/// A plain process cannot be made to wait; it runs already.
struct Ready(Launched);

impl Prepared for Ready {
    fn pid(&self) -> i32 {
        self.0.pid
    }

    fn ready(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn console(&self) -> Option<BorrowedFd<'_>> {
        self.0.console.as_ref().map(AsFd::as_fd)
    }

    fn start(self: Box<Self>) -> Result<Launched, Failure> {
        Ok(self.0)
    }
}

fn spawn(process: &Process, stdio: Stdio) -> Result<Launched, Failure> {
    let failed = |e: io::Error| {
        let kind = match e.kind() {
            io::ErrorKind::NotFound => FailureKind::CommandNotFound,
            io::ErrorKind::PermissionDenied => FailureKind::CommandNotExecutable,
            _ => FailureKind::Failed,
        };
        Failure::new(kind, format!("exec {:?}: {e}", process.args.first()))
    };
    let program = process.args.first().ok_or_else(|| Failure::new(FailureKind::Invalid, "no program"))?;
    let (stdin, stdout, stderr, console) = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => (stdin, stdout, stderr, None),
        Stdio::Terminal(size) => {
            let (master, slave) = terminal(size.rows, size.cols).map_err(failed)?;
            let dup = || slave.try_clone();
            (dup().map_err(failed)?, dup().map_err(failed)?, slave, Some(master))
        }
    };
    let mut command = Command::new(program);
    command.args(&process.args[1..]).stdin(stdin).stdout(stdout).stderr(stderr).process_group(0);
    for (name, value) in process.env.iter().filter_map(|e| e.split_once('=')) {
        command.env(name, value);
    }
    launched(&command.spawn().map_err(failed)?, console).map_err(failed)
}

fn launched(child: &Child, console: Option<OwnedFd>) -> io::Result<Launched> {
    let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Launched { pid, pidfd: teu_sys::pidfd::open(pid)?, console })
}

fn terminal(rows: u16, cols: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, flags)?;
    let size = rustix::termios::Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&master, size)?;
    Ok((master, slave))
}
