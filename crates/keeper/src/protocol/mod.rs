//! What the daemon and the keeper say to each other.
//!
//! Requests and replies are JSON, one frame each, on a stream socket; descriptors travel beside the frame they belong
//! to (`SCM_RIGHTS`), in the order the message names them. A request carries a number that its reply repeats; events
//! come unasked. Nothing here is stable between versions but [`Request::Hello`] and [`Request::Upgrade`].

mod exit;
mod process;
mod start;

pub use exit::{ExitRecord, ExitStatus};
pub use process::{FdRole, Health, ProcessRef, ProcessState, Started, WinSize};
pub use start::{
    AdoptRequest, AttachRequest, END_OF_OUTPUT, ExecRequest, Framing, LogDriver, LogTarget, PassedFd, RuntimeChoice,
    StartRequest,
};

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use teu_oci::runtime::Resources;

/// Version of this protocol, exchanged by [`Request::Hello`].
pub const VERSION: u32 = 1;

/// What the daemon asks. Descriptors that go along are named by the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The first message on a connection. Answered by [`Reply::Hello`].
    Hello {
        /// The caller's [`VERSION`].
        version: u32,
    },
    /// Everything the keeper knows, a page at a time. Answered by [`Reply::List`] with duplicates of the descriptors.
    List {
        /// The last container of the page before, none for the first page.
        after: Option<String>,
    },
    /// A container is about to be started in this process's own runtime: makes its cgroup ahead, while the daemon prepares the
    /// rest. It goes with the connection if no start comes.
    Reserve {
        /// Its id.
        container: String,
        /// As [`StartRequest::cgroup_path`].
        cgroup_path: String,
    },
    /// The start that was announced by [`Request::Reserve`] does not come. Idempotent.
    Unreserve {
        /// The container's id.
        container: String,
        /// Its cgroup.
        cgroup_path: String,
    },
    /// Creates and starts a container. Descriptors: one for each of [`StartRequest::fds`]. Answered by
    /// [`Reply::Started`].
    Start(Box<StartRequest>),
    /// Starts a process in a running container. Answered by [`Reply::Started`].
    Exec(Box<ExecRequest>),
    /// Asks for the output of a container or exec from now on. May come before the start, so that no byte is missed.
    /// Answered by [`Reply::Attached`].
    Attach(AttachRequest),
    /// Sets a terminal's size.
    Resize {
        /// Whose terminal.
        process: ProcessRef,
        /// Its new size.
        size: WinSize,
    },
    /// Closes the keeper's end of a process's standard input; the process sees its end once the daemon has closed its
    /// duplicates too.
    CloseStdin {
        /// Whose input.
        process: ProcessRef,
    },
    /// Sends a signal to a process, or to all of a container.
    Signal {
        /// To whom.
        process: ProcessRef,
        /// The signal's number.
        signal: i32,
        /// To every process in the container's cgroup rather than its first.
        all: bool,
    },
    /// Freezes a container.
    Pause {
        /// Its id.
        container: String,
    },
    /// Thaws a container.
    Unpause {
        /// Its id.
        container: String,
    },
    /// Changes a running container's resource limits.
    Update {
        /// Its id.
        container: String,
        /// The limits to change; absent ones stay.
        resources: Box<Resources>,
    },
    /// The daemon has stored the exit: the record and all other files of that run may go. Idempotent.
    AckExit {
        /// Whose exit.
        process: ProcessRef,
    },
    /// Gives descriptors that the daemon holds to a keeper that has taken over: to be sent for every process, with
    /// whatever the daemon has of it. Idempotent. A process whose exit
    /// cannot be known without the daemon's pidfd ([`Health::Orphaned`]) becomes
    /// [`ExitStatus::Unknown`] if none comes along.
    Adopt(AdoptRequest),
    /// Replaces the keeper's executable in place, keeping process id, children and descriptors. The connection stays;
    /// answered by the new executable.
    Upgrade {
        /// The new executable.
        exe: PathBuf,
    },
    /// Ends the keeper. Refused while containers run, unless forced; they run on without one.
    Shutdown {
        /// Even if containers run.
        force: bool,
    },
}

/// What the keeper answers. Descriptors that come along are named by the reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello {
        /// The keeper's [`VERSION`].
        version: u32,
        /// Its process id.
        pid: i32,
        /// Version of the executable it runs.
        build: String,
    },
    /// To [`Request::List`]. Descriptors: those of each process in turn, as its `fds` say.
    List {
        /// Containers each followed by its execs.
        processes: Vec<ProcessState>,
        /// Whether another page follows.
        more: bool,
    },
    /// To [`Request::Start`] and [`Request::Exec`].
    Started(Started),
    /// To [`Request::Attach`]. Descriptors: the reading end of a stream socket, which ends when the process has exited and
    /// all its output has been delivered; then, if asked for and there, the spools of standard output and error.
    Attached {
        /// How much of standard output and error had been taken before: what comes through the socket stands there in the
        /// spools.
        positions: [u64; 2],
    },
    /// The request was served and has nothing to tell.
    Done,
}

/// What happened, told to every connected daemon unasked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A process has exited, and all its output is in the log and with its clients. The record stays on disk until
    /// [`Request::AckExit`].
    Exited {
        /// Which one.
        process: ProcessRef,
        /// How it ended.
        record: ExitRecord,
    },
    /// A container's log cannot be written (disk full, file system gone). The container's output waits meanwhile; the
    /// keeper tries again by itself.
    LogStalled {
        /// Whose log.
        container: String,
        /// What the kernel said.
        reason: String,
    },
    /// A log that could not be written can be again; nothing of it is lost, unless the container must not wait.
    LogResumed {
        /// Whose log.
        container: String,
        /// For how long it could not be written.
        after: Duration,
    },
    /// The connection ended. Made by the client, never sent. The daemon calls
    /// [`Keeper::ensure`](crate::Keeper::ensure) again and adopts.
    KeeperGone,
}

/// Why the keeper refused, as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure, for the daemon to act upon.
    pub kind: FailureKind,
    /// What and why, for people.
    pub message: String,
}

/// The kinds of failure that a daemon acts upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No such container or exec.
    NotFound,
    /// It exists already, or is in a state that does not allow the request.
    Conflict,
    /// The request itself is wrong.
    Invalid,
    /// The program to run does not exist in the container (exit code 127 by convention).
    CommandNotFound,
    /// The program to run cannot be executed (exit code 126 by convention).
    CommandNotExecutable,
    /// Anything else: the message says it.
    Failed,
}
