//! A process that the keeper looks after.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::termios::{Winsize, tcsetwinsize};
use serde::{Deserialize, Serialize};

use super::chores::Chore;
use super::saved::{self, Saved};
use crate::kept::keep;
use crate::log::{Log, Relay, Stream, spool_path};
use crate::protocol::{ExitRecord, FdRole, Health, LogDriver, LogTarget, ProcessState, WinSize};

/// A container's first process or an exec.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) saved: Saved,
    pub(super) life: Life,
    /// Kept until the exit is recorded.
    pub(super) pidfd: Option<OwnedFd>,
    pub(super) stdin: Option<OwnedFd>,
    pub(super) outputs: [Option<Output>; 2],
    pub(super) console: Option<Console>,
    /// None: output goes to clients only.
    pub(super) log: Option<Log>,
    /// For output that goes to clients only.
    pub(super) relay: Relay,
    /// Who gets its output.
    pub(super) clients: Vec<u32>,
    /// Nobody has attached yet, and output waits for the first who does.
    pub(super) hold: bool,
    /// The log or the spool could not be written; tried again later.
    pub(super) stalled: bool,
    /// Since when, as far as it has been told, until something was written again.
    pub(super) stalled_since: Option<Instant>,
    /// The daemon has stored the exit.
    pub(super) acknowledged: bool,
    /// A keeper before this one had its terminal, and the daemon has not handed its duplicate over yet. Until then the
    /// last output cannot be read, and an exit is not told.
    pub(super) awaits_terminal: bool,
    /// The size that was asked for meanwhile.
    pub(super) size: Option<WinSize>,
    /// When it was taken over from a keeper that was killed, if it was.
    pub(super) taken_over: Option<Instant>,
    /// A keeper before this one started it: that one's guardian holds its exit and its pipes, if there is one.
    pub(super) foreign: bool,
    /// That guardian, once it has reaped the process: then the kernel does not tell any more who it is.
    pub(super) guardian: Option<i32>,
    /// Its output is not kept, and waits until those who got it from the keeper before are back.
    pub(super) returning: bool,
}

/// How long the clients of a keeper that was killed may take to attach to this one.
const GRACE: Duration = Duration::from_secs(60);

/// How far a process's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Life {
    Running,
    /// The exit is on disk.
    Exited(ExitRecord),
    /// It ended while there was no keeper.
    Orphaned,
}

/// The reading end of an output FIFO.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) fifo: OwnedFd,
    /// Whether epoll watches it.
    pub(super) armed: bool,
}

/// A terminal.
#[derive(Debug)]
pub(super) struct Console {
    pub(super) master: OwnedFd,
    /// The other end, held so that the master never reports a hang-up while the container has it closed.
    pub(super) _peer: Option<OwnedFd>,
    pub(super) armed: bool,
}

impl Console {
    /// Takes a terminal's controlling end over and makes it nonblocking.
    pub(super) fn new(master: OwnedFd) -> io::Result<Console> {
        use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer};
        rustix::io::ioctl_fionbio(&master, true)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        // Without the peer a hang-up ends the reading early, no more.
        let peer = ioctl_tiocgptpeer(&master, flags).ok().map(keep);
        Ok(Console { master: keep(master), _peer: peer, armed: false })
    }

    pub(super) fn resize(&self, size: WinSize) -> io::Result<()> {
        let size = Winsize { ws_row: size.rows, ws_col: size.cols, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(tcsetwinsize(&self.master, size)?)
    }
}

impl Task {
    /// A process that has just been started.
    pub(super) fn fresh(root: &Path, saved: Saved) -> Task {
        Task::with(root, saved, Log::fresh)
    }

    /// A process that another keeper has looked after.
    pub(super) fn recovered(root: &Path, saved: Saved) -> Task {
        Task { taken_over: Some(Instant::now()), foreign: true, ..Task::with(root, saved, Log::new) }
    }

    fn with(root: &Path, saved: Saved, log: fn(&Path, &LogTarget) -> Log) -> Task {
        let dir = saved::directory(root, &saved.process);
        let log = saved.log.as_ref().filter(|l| l.driver != LogDriver::None).map(|target| log(&dir, target));
        Task {
            hold: saved.hold,
            saved,
            life: Life::Running,
            pidfd: None,
            stdin: None,
            outputs: [None, None],
            console: None,
            log,
            relay: Relay::new(&dir),
            clients: Vec::new(),
            stalled: false,
            stalled_since: None,
            acknowledged: false,
            awaits_terminal: false,
            size: None,
            taken_over: None,
            foreign: false,
            guardian: None,
            returning: false,
        }
    }

    pub(super) fn dir(&self, root: &Path) -> PathBuf {
        saved::directory(root, &self.saved.process)
    }

    /// Whether the folder of its log has been deleted, as it is with the container: nobody wants what is not in the log yet.
    pub(super) fn is_log_gone(&self) -> bool {
        let folder = self.saved.log.as_ref().and_then(|log| log.path.parent());
        folder.is_some_and(|folder| !folder.exists())
    }

    pub(super) fn is_container(&self) -> bool {
        self.saved.process.exec.is_none()
    }

    pub(super) fn set_output(&mut self, stream: Stream, fifo: OwnedFd) {
        self.outputs[stream.index()] = Some(Output { fifo: keep(fifo), armed: false });
    }

    pub(super) fn set_pidfd(&mut self, pidfd: Option<OwnedFd>) {
        self.pidfd = pidfd.map(keep);
    }

    pub(super) fn set_stdin(&mut self, stdin: Option<OwnedFd>) {
        self.stdin = stdin.map(keep);
    }

    /// The descriptors that a daemon holds duplicates of.
    fn descriptors(&self) -> impl Iterator<Item = (FdRole, &OwnedFd)> {
        let [stdout, stderr] = &self.outputs;
        [
            (FdRole::Pidfd, self.pidfd.as_ref()),
            (FdRole::Stdin, self.stdin.as_ref()),
            (FdRole::Stdout, stdout.as_ref().map(|o| &o.fifo)),
            (FdRole::Stderr, stderr.as_ref().map(|o| &o.fifo)),
            (FdRole::Terminal, self.console.as_ref().map(|c| &c.master)),
        ]
        .into_iter()
        .filter_map(|(role, fd)| Some((role, fd?)))
    }

    /// Whether its spools may be emptied: nobody gets output, or is about to come back for more, that stands there.
    pub(super) fn may_rest(&self) -> bool {
        self.clients.is_empty() && !self.is_new_here()
    }

    /// Whether it was taken over so lately that its clients may be about to come back.
    pub(super) fn is_new_here(&self) -> bool {
        self.taken_over.is_some_and(|then| then.elapsed() <= GRACE)
    }

    /// How much of its outputs has been taken.
    pub(super) fn positions(&self, root: &Path) -> [u64; 2] {
        let dir = self.dir(root);
        // There is none before the first output.
        Stream::BOTH.map(|stream| fs::metadata(spool_path(&dir, stream)).map_or(0, |m| m.len()))
    }

    /// Its spools, for reading. None before the first output.
    pub(super) fn spools(&self, root: &Path) -> Option<[OwnedFd; 2]> {
        let dir = self.dir(root);
        let open =
            |stream| File::options().read(true).write(true).create(true).truncate(false).open(spool_path(&dir, stream));
        let [stdout, stderr] = Stream::BOTH.map(open);
        Some([stdout.ok()?.into(), stderr.ok()?.into()])
    }

    /// Duplicates for a message.
    pub(super) fn duplicates(&self) -> io::Result<(Vec<FdRole>, Vec<OwnedFd>)> {
        let mut roles = Vec::new();
        let mut fds = Vec::new();
        for (role, fd) in self.descriptors() {
            roles.push(role);
            fds.push(fd.as_fd().try_clone_to_owned()?);
        }
        Ok((roles, fds))
    }

    /// What is to be done once nobody needs its exit or what is in its pipes any more.
    pub(super) fn release(&self) -> Chore {
        let pid = self.saved.pid;
        if self.foreign { Chore::Release { guardian: self.guardian, pid } } else { Chore::LetGo { pid } }
    }

    pub(super) fn state(&self, fds: Vec<FdRole>) -> ProcessState {
        ProcessState {
            process: self.saved.process.clone(),
            pid: self.saved.pid,
            started_at: self.saved.started_at,
            health: match self.life {
                Life::Running => Health::Running,
                Life::Exited(_) if self.awaits_terminal => Health::Orphaned,
                Life::Exited(record) => Health::Exited(record),
                Life::Orphaned => Health::Orphaned,
            },
            terminal: self.saved.terminal,
            fds,
            note: self.saved.note.clone(),
        }
    }
}
