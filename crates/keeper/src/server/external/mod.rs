//! Containers run by other OCI runtimes (runc, crun, runsc, kata …) through their command line.
//!
//! A runtime may take long, so the keeper does not wait for its commands: each is a child that epoll watches, and the
//! daemon's request is answered when the last has ended. The container's first process becomes a child of the keeper
//! when the command that made it ends, since the keeper is a subreaper by then.

mod command;
mod console;
mod launch;
mod mounts;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::event::epoll::EventFlags;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use teu_sys::{pidfd, pty};

use super::Server;
use super::chores::Chore;
use super::connection::Asked;
use super::poll::Token;
use super::saved::{self, STATE, Saved};
use super::start::Ours;
use crate::launch::Launched;
use crate::protocol::{Failure, FailureKind, ProcessRef, RuntimeChoice};
use command::Child;

/// A runtime's command that is running.
pub(super) struct Running {
    stage: Stage,
    command: Child,
    asked: Asked,
    dir: PathBuf,
    saved: Saved,
    ours: Ours,
    console: Option<UnixListener>,
    /// What came through that: the terminal's controlling end.
    terminal: Option<OwnedFd>,
    /// The container's first process, once it exists.
    pidfd: Option<OwnedFd>,
    /// What the command's arguments refer to.
    _kept: Vec<OwnedFd>,
}

impl Running {
    fn new(stage: Stage, command: Child, asked: Asked, dir: &Path, saved: Saved, ours: Ours) -> Self {
        let dir = dir.to_owned();
        Self { stage, command, asked, dir, saved, ours, console: None, terminal: None, pidfd: None, _kept: Vec::new() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Create,
    Start,
    Exec,
    Delete,
}

impl Server {
    /// Lets the runtime forget a container whose start was cut.
    pub(super) fn forget_external(&mut self, runtime: RuntimeChoice, container: &str) {
        self.delete_external(&Saved::new(ProcessRef::container(container), runtime));
    }

    /// Lets the runtime forget a container that has ended, and removes what was mounted for it.
    /// False if that is not under way.
    pub(super) fn delete_external(&mut self, saved: &Saved) -> bool {
        let dir = saved::directory(&self.root, &saved.process);
        let Ok(mut command) = self.silent_command(&saved.runtime, None) else { return false };
        command.args(["delete", "--force"]).arg(&saved.process.container);
        let Ok(command) = command::spawn(&mut command) else { return false };
        let running = Running::new(Stage::Delete, command, Asked::nobody(), &dir, saved.clone(), Ours::default());
        // Failing that, it is reaped with other children that nobody waits for.
        self.watch_command(running).is_ok()
    }

    /// A runtime's command has ended.
    pub(super) fn on_command(&mut self, key: u32) {
        let Some(mut running) = self.commands.remove(key) else { return };
        self.poll.remove(&running.command.pidfd);
        let status = pidfd::try_wait(running.command.pidfd.as_fd());
        let succeeded = matches!(status, Ok(Some(pidfd::ExitStatus::Exited(0))));
        if running.stage == Stage::Delete {
            self.unmount_external(&running.saved.process.container);
            if let Some(&task) = self.index.get(&running.saved.process) {
                self.conclude(task);
            }
            self.reap_strangers();
            return;
        }
        let next = if succeeded { self.advance(&mut running) } else { Err(command::explain(&running.dir, status)) };
        match next {
            Ok(Some(command)) => {
                let (dir, saved) = (running.dir.clone(), running.saved.clone());
                let asked = running.asked;
                if let Err(failure) = self.watch_command(Running { command, ..running }) {
                    self.fail(&dir, &saved, asked, failure);
                }
            }
            Ok(None) => self.finish_launch(running),
            Err(failure) => self.fail(&running.dir, &running.saved, running.asked, failure),
        }
        self.reap_strangers();
    }

    /// After a command that succeeded: the next, if there is one.
    fn advance(&mut self, running: &mut Running) -> Result<Option<Child>, Failure> {
        if running.stage == Stage::Start {
            return Ok(None);
        }
        let path = running.dir.join("pid");
        let text = fs::read_to_string(&path).map_err(Failure::io(format!("reading {}", path.display())))?;
        let pid: i32 = text.trim().parse().map_err(Failure::io(format!("reading {}", path.display())))?;
        running.pidfd = Some(pidfd::open(pid).map_err(Failure::io(format!("opening process {pid}")))?);
        running.saved.pid = pid;
        running.saved.ticks = saved::stat(pid).map_or(0, |s| s.ticks);
        if let Some(listener) = running.console.take() {
            let terminal = console::receive(listener).map_err(Failure::io("receiving the console"))?;
            running.saved.terminal_name = pty::name(terminal.as_fd()).ok();
            running.terminal = Some(terminal);
        }
        self.hold(pid, &running.ours, running.terminal.as_ref().map(AsFd::as_fd));
        saved::write_atomically(&running.dir, STATE, &running.saved).map_err(Failure::io("writing the state"))?;
        if running.stage == Stage::Exec {
            return Ok(None);
        }
        running.stage = Stage::Start;
        let mut command = self.silent_command(&running.saved.runtime, Some(&running.dir))?;
        command.arg("start").arg(&running.saved.process.container);
        command::spawn(&mut command).map(Some)
    }

    /// Looks after the new process, and answers.
    fn finish_launch(&mut self, running: Running) {
        let Running { asked, dir, saved, ours, terminal, pidfd, .. } = running;
        let pidfd = pidfd.ok_or_else(|| Failure::new(FailureKind::Failed, "the runtime made no process"));
        let launched = pidfd.map(|pidfd| Launched { pid: saved.pid, pidfd, console: terminal });
        match launched.and_then(|launched| self.register(saved.clone(), (ours, None), launched)) {
            Ok(answer) => self.answer_asked(asked, Ok(answer)),
            Err(failure) => self.fail(&dir, &saved, asked, failure),
        }
    }

    /// Undoes a start, and answers.
    fn fail(&mut self, dir: &Path, saved: &Saved, asked: Asked, failure: Failure) {
        if saved.process.exec.is_none() {
            self.delete_external(saved);
        }
        self.let_go(Chore::LetGo { pid: saved.pid });
        self.abandon(&saved.process, dir);
        self.answer_asked(asked, Err(failure));
    }

    fn watch_command(&mut self, running: Running) -> Result<(), Failure> {
        let key = self.commands.insert(running);
        let Some(running) = self.commands.get(key) else { return Ok(()) };
        let watched = self.poll.add(&running.command.pidfd, Token::Command(key), EventFlags::IN);
        watched.map_err(|e| {
            self.commands.remove(key);
            Failure::io("watching the runtime")(e)
        })
    }

    /// Whether a start or exec of this process is under way.
    pub(super) fn is_launching(&self, process: &ProcessRef) -> bool {
        self.commands.iter().any(|c| c.stage != Stage::Delete && c.saved.process == *process)
    }

    /// Reaps children that a runtime has left to the keeper and that are no task's process.
    fn reap_strangers(&self) {
        let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()) {
            let known = self.compression.is_child(pid)
                || self.tasks.iter().any(|t| t.saved.pid == pid)
                || self.commands.iter().any(|c| c.command.pid == pid || c.saved.pid == pid);
            if !known
                && saved::stat(pid).is_some_and(|s| s.zombie)
                && let Some(pid) = Pid::from_raw(pid)
            {
                // Somebody else can only have reaped it.
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
    }
}
