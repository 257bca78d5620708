//! The parent's side of a plan: the clone, and the conversation until the new process is ready or executed.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::{DupFlags, Errno, dup3};
use rustix::thread::move_into_link_name_space;
use teu_oci::runtime::NamespaceKind;
use teu_sys::pidfd;
use teu_sys::process::{CloneFlags, Spawned, spawn, spawn_holding};

use crate::channel::{self, Kind, Message};
use crate::error::Reason;
use crate::plan::namespaces::link_type;
use crate::plan::{Plan, Step};
use crate::{Error, init};

/// A process at work on a plan.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) channel: OwnedFd,
    pub(crate) console: Option<OwnedFd>,
    /// Messages that came before the process was known.
    early: VecDeque<Message>,
}

/// How a process is cloned.
#[derive(Debug, Default)]
pub(crate) struct How<'a> {
    pub(crate) flags: CloneFlags,
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    /// Namespaces that the parent is in during the clone.
    pub(crate) inside: &'a [(NamespaceKind, OwnedFd)],
    /// A PID namespace to be in during the clone: that of this process.
    pub(crate) pid_namespace_of: Option<BorrowedFd<'a>>,
    /// A user namespace to enter before everything else.
    pub(crate) user: Option<BorrowedFd<'a>>,
}

/// Clones a process that carries a plan out.
pub(crate) fn start(plan: &Plan, how: &How<'_>) -> Result<Worker, Error> {
    let (mut ours, theirs) = channel::pair().map_err(|e| Error::step("make a channel to the container")(e.into()))?;
    let highest = [Some(theirs.as_fd()), Some(ours.as_fd()), how.user].map(|fd| fd.map_or(0, |fd| fd.as_raw_fd()));
    let highest = highest.into_iter().fold(plan.highest_descriptor(), i32::max);
    let visit = Visit::begin(how)?;
    let spawned = match how.user {
        None => spawn_holding(how.flags, how.cgroup, highest, || match keep_only(&theirs, &mut ours) {
            Ok(()) => init::run(plan, theirs.as_fd()),
            Err(_) => 1,
        }),
        Some(user) => spawn_holding(CloneFlags::empty(), how.cgroup, highest, || match keep_only(&theirs, &mut ours) {
            Ok(()) => between(plan, how.flags, user, theirs.as_fd()),
            Err(_) => 1,
        }),
    };
    visit.end()?;
    let spawned = spawned.map_err(Error::step("clone the container's process"))?;
    drop(theirs);
    let (spawned, early) = match how.user {
        None => (spawned, VecDeque::new()),
        Some(_) => adopt(plan, spawned, ours.as_fd())?,
    };
    Ok(Worker { pid: spawned.pid, pidfd: spawned.pidfd, channel: ours, console: None, early })
}

/// Lets go of the parent's end in the child: with a copy of it, the child would never learn that its parent has died, and
/// would wait for ever with everything it inherited from it.
fn keep_only(theirs: &OwnedFd, ours: &mut OwnedFd) -> Result<(), Errno> {
    dup3(theirs, ours, DupFlags::CLOEXEC)
}

/// Runs in a process in between: it enters the user namespace, and clones the actual process from there, so that the other
/// namespaces belong to it.
fn between(plan: &Plan, flags: CloneFlags, user: BorrowedFd<'_>, parent: BorrowedFd<'_>) -> i32 {
    let cloned = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .and_then(|()| move_into_link_name_space(user, Some(link_type(NamespaceKind::User))))
        .and_then(|()| init::become_root())
        .map_err(io::Error::from)
        .and_then(|()| spawn(flags | CloneFlags::PARENT, None, || init::run(plan, parent)));
    let sent = match cloned {
        Ok(child) => channel::send(parent, Kind::Forked, 0, 0, b"", Some(child.pidfd.as_fd())),
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(0);
            channel::send(parent, Kind::Failed, u32::MAX, errno, b"enter the user namespace", None)
        }
    };
    i32::from(sent.is_err())
}

/// Takes over the sibling that the process in between has cloned, and what it has said already.
fn adopt(plan: &Plan, between: Spawned, channel: BorrowedFd<'_>) -> Result<(Spawned, VecDeque<Message>), Error> {
    pidfd::wait(between.pidfd.as_fd()).map_err(Error::step("wait for the process in between"))?;
    let mut early = VecDeque::new();
    loop {
        let message = receive(plan, channel)?;
        if message.kind == Kind::Forked {
            // Its number is another one here if the process in between was in another namespace of process ids.
            let pidfd = message.fd.ok_or(Error::Died)?;
            let pid = pidfd::id(pidfd.as_fd()).map_err(Error::step("find the container's process"))?;
            return Ok((Spawned { pid, pidfd }, early));
        }
        early.push_back(message);
    }
}

/// A visit of the parent to other namespaces.
struct Visit {
    home: Vec<(NamespaceKind, OwnedFd)>,
}

impl Visit {
    fn begin(how: &How<'_>) -> Result<Visit, Error> {
        let mut visit = Visit { home: Vec::new() };
        for (kind, fd) in how.inside {
            visit.enter(*kind, fd.as_fd(), false)?;
        }
        if let Some(pidfd) = how.pid_namespace_of {
            visit.enter(NamespaceKind::Pid, pidfd, true)?;
        }
        Ok(visit)
    }

    fn enter(&mut self, kind: NamespaceKind, fd: BorrowedFd<'_>, of_process: bool) -> Result<(), Error> {
        let failed = |e: Errno| Error::step(format!("join the {kind} namespace"))(e.into());
        let own = format!("/proc/self/ns/{}", kind.file_name());
        let home = rustix::fs::open(own, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let entered = if of_process {
            let flags = rustix::thread::ThreadNameSpaceType::PROCESS_ID;
            rustix::thread::move_into_thread_name_spaces(fd, flags)
        } else {
            move_into_link_name_space(fd, Some(link_type(kind)))
        };
        entered.map_err(failed)?;
        self.home.push((kind, home));
        Ok(())
    }

    fn end(mut self) -> Result<(), Error> {
        self.leave()
    }

    fn leave(&mut self) -> Result<(), Error> {
        for (kind, home) in self.home.drain(..).rev() {
            move_into_link_name_space(home.as_fd(), Some(link_type(kind)))
                .map_err(|e| Error::step(format!("return to the own {kind} namespace"))(e.into()))?;
        }
        Ok(())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        // Reached with something to leave only while another error is on its way.
        let _ = self.leave();
    }
}

impl Worker {
    /// The next thing the process says that is not a terminal.
    pub(crate) fn next(&mut self, plan: &Plan) -> Result<Message, Error> {
        loop {
            let mut message = match self.early.pop_front() {
                Some(message) => message,
                None => receive(plan, self.channel.as_fd())?,
            };
            if message.kind != Kind::Console {
                return Ok(message);
            }
            self.console = message.fd.take();
        }
    }

    /// Lets the process go on.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        // If it is gone, the next message says why.
        match channel::acknowledge(self.channel.as_fd()) {
            Ok(()) | Err(Errno::PIPE) => Ok(()),
            Err(e) => Err(Error::step("let the container's process go on")(e.into())),
        }
    }

    /// Waits until the program is executed: then the process's end of the channel is closed.
    pub(crate) fn executed(&mut self, plan: &Plan) -> Result<(), Error> {
        match self.next(plan) {
            Err(Error::Died) => Ok(()),
            Err(e) => Err(e),
            Ok(_) => Err(Error::Died),
        }
    }

    /// Ends the process and reaps it. Returns how it ended.
    pub(crate) fn kill(&self) -> Option<pidfd::ExitStatus> {
        // Both fail only if it is gone already.
        let _ = pidfd::send_signal(self.pidfd.as_fd(), 9);
        pidfd::wait(self.pidfd.as_fd()).ok()
    }
}

fn receive(plan: &Plan, channel: BorrowedFd<'_>) -> Result<Message, Error> {
    let message = channel::receive(channel)
        .map_err(|e| Error::step("hear from the container's process")(e.into()))?
        .ok_or(Error::Died)?;
    if message.kind == Kind::Failed { Err(failure(plan, &message)) } else { Ok(message) }
}

/// The error behind a message of failure.
pub(crate) fn failure(plan: &Plan, message: &Message) -> Error {
    let index = usize::try_from(message.step).unwrap_or(usize::MAX);
    failure_of(plan.steps.get(index), &plan.program.name, !plan.program.name.contains('/'), message)
}

fn failure_of(step: Option<&Step>, program: &str, searched: bool, message: &Message) -> Error {
    let source = io::Error::from_raw_os_error(message.value);
    match step {
        Some(Step::FindProgram | Step::Execute) => exec_failure(program, searched, message.value),
        Some(step @ Step::Mount(mount)) if mount.no_follow && message.value == Errno::NOTDIR.raw_os_error() => {
            Error::step(step.describe())(io::Error::other("it must be mounted on ordinary directory"))
        }
        Some(step @ Step::Label(label))
            if label.profile().is_some() && message.value == Errno::NOENT.raw_os_error() =>
        {
            Error::step(step.describe())(io::Error::other("it is not loaded: apparmor_parser loads profiles"))
        }
        Some(step) if message.detail.is_empty() => {
            Error::step(step.describe_failure(Errno::from_raw_os_error(message.value)))(source)
        }
        Some(step) => Error::step(format!("{} ({})", step.describe(), message.detail))(source),
        None => Error::step(message.detail.clone())(source),
    }
}

/// The error of a program that was not found or could not be executed, in the words that Docker looks for.
pub(crate) fn exec_failure(program: &str, searched: bool, errno: i32) -> Error {
    let program = program.to_owned();
    let not_found = errno == Errno::NOENT.raw_os_error() || errno == Errno::NOTDIR.raw_os_error();
    match (not_found, searched) {
        (true, true) => Error::ExecNotFound { program, reason: "executable file not found in $PATH".into() },
        (true, false) => {
            let reason = format!("stat {program}: no such file or directory");
            Error::ExecNotFound { program, reason }
        }
        (false, _) => Error::ExecFailed { program, reason: Reason::from_errno(errno) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_missing_are_told_from_those_that_cannot_run() {
        let missing = exec_failure("nope", true, 2);
        assert_eq!(missing.to_string(), "exec: \"nope\": executable file not found in $PATH");
        assert_eq!(missing.exit_code(), 127);
        assert_eq!(
            exec_failure("/nope", false, 2).to_string(),
            "exec: \"/nope\": stat /nope: no such file or directory"
        );
        let denied = exec_failure("/etc/passwd", false, 13);
        assert_eq!(denied.to_string(), "exec: \"/etc/passwd\": permission denied");
        assert_eq!(denied.exit_code(), 126);
        assert_eq!(exec_failure("/etc", false, 21).to_string(), "exec: \"/etc\": is a directory");
    }
}
