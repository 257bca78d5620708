//! The parent's side of a plan: the clone, and the conversation until the new process is ready or executed.

use std::collections::VecDeque;
use std::ffi::CString;
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
    /// Whether it has been told to start its program, and does as soon as it is ready.
    pub(crate) allowed: bool,
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
    let borrowed = plan.linger.then(BorrowedName::begin);
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
    drop(borrowed);
    visit.end()?;
    let spawned = spawned.map_err(Error::step("clone the container's process"))?;
    drop(theirs);
    let (spawned, early) = match how.user {
        None => (spawned, VecDeque::new()),
        Some(_) => adopt(plan, spawned, ours.as_fd())?,
    };
    Ok(Worker { pid: spawned.pid, pidfd: spawned.pidfd, channel: ours, console: None, allowed: false, early })
}

/// The parent's thread has the name that its child is to be found by, which is born with it: from the moment of its record on, even before
/// it has run for the first time, the parent's successor must be able to tell that its program has not.
struct BorrowedName(Option<CString>);

impl BorrowedName {
    fn begin() -> BorrowedName {
        let own = rustix::thread::name().ok();
        // Refused by a filter: the child does it, as soon as it runs.
        BorrowedName(own.filter(|_| rustix::thread::set_name(c"teu:created").is_ok()))
    }
}

impl Drop for BorrowedName {
    fn drop(&mut self) {
        if let Some(own) = &self.0 {
            // What could be set a moment ago can be set again.
            let _ = rustix::thread::set_name(own);
        }
    }
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
        Some(Step::FindProgram) => lookup_failure(program, searched, message.value),
        Some(Step::Execute) => exec_failure(program, message.value),
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

/// The error of a program that was not found, in the words that Docker looks for. A search through `PATH` passes over
/// whatever cannot be executed, and so knows one reason only.
fn lookup_failure(program: &str, searched: bool, errno: i32) -> Error {
    let name = program.to_owned();
    let reason = Reason::from_errno(errno);
    match Errno::from_raw_os_error(errno) {
        _ if searched => Error::ExecNotFound { program: name, reason: "executable file not found in $PATH".into() },
        Errno::NOENT | Errno::NOTDIR => {
            Error::ExecNotFound { program: name, reason: format!("stat {program}: {reason}") }
        }
        Errno::ACCESS | Errno::ISDIR => Error::ExecFailed { program: name, reason },
        // Links that lead nowhere but to each other, a name that is too long: no word on the program itself.
        _ => Error::Step { step: format!("exec: {program:?}: stat {program}"), reason },
    }
}

/// The error of a program that is there, but that the kernel did not execute. What it says is missing is the interpreter
/// that the program names, or one of that.
pub(crate) fn exec_failure(program: &str, errno: i32) -> Error {
    let (program, reason) = (program.to_owned(), Reason::from_errno(errno));
    match Errno::from_raw_os_error(errno) {
        Errno::NOENT | Errno::NOTDIR => Error::ExecNotFound { program, reason: reason.to_string() },
        _ => Error::ExecFailed { program, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_are_missing_are_told_from_those_that_cannot_run() {
        let told = |error: Error| (error.to_string(), error.exit_code());
        let cases = [
            ("nope", Errno::NOENT, "exec: \"nope\": executable file not found in $PATH", 127),
            ("plain", Errno::ACCESS, "exec: \"plain\": executable file not found in $PATH", 127),
            ("loop", Errno::LOOP, "exec: \"loop\": executable file not found in $PATH", 127),
            ("/nope", Errno::NOENT, "exec: \"/nope\": stat /nope: no such file or directory", 127),
            ("/file/x", Errno::NOTDIR, "exec: \"/file/x\": stat /file/x: not a directory", 127),
            ("/etc/passwd", Errno::ACCESS, "exec: \"/etc/passwd\": permission denied", 126),
            ("/etc", Errno::ISDIR, "exec: \"/etc\": is a directory", 126),
            ("/loop", Errno::LOOP, "exec: \"/loop\": stat /loop: too many levels of symbolic links", 125),
            ("/long", Errno::NAMETOOLONG, "exec: \"/long\": stat /long: file name too long", 125),
        ];
        for (program, errno, text, code) in cases {
            let error = lookup_failure(program, !program.contains('/'), errno.raw_os_error());
            assert_eq!(told(error), (text.to_owned(), code));
        }
        let cases = [
            (Errno::NOEXEC, "exec: \"x\": exec format error", 126),
            (Errno::NOENT, "exec: \"x\": no such file or directory", 127),
            (Errno::NOTDIR, "exec: \"x\": not a directory", 127),
            (Errno::ACCESS, "exec: \"x\": permission denied", 126),
            (Errno::LOOP, "exec: \"x\": too many levels of symbolic links", 126),
        ];
        for (errno, text, code) in cases {
            assert_eq!(told(exec_failure("x", errno.raw_os_error())), (text.to_owned(), code));
        }
    }
}
