//! Processes as the keeper knows them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ExitRecord;

/// A container's first process, or an exec in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessRef {
    /// The container's id.
    pub container: String,
    /// The exec's id, none for the container itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<String>,
}

impl ProcessRef {
    /// The container's first process.
    #[must_use]
    pub fn container(id: &str) -> ProcessRef {
        ProcessRef { container: id.to_owned(), exec: None }
    }

    /// A further process in the container.
    #[must_use]
    pub fn exec(container: &str, id: &str) -> ProcessRef {
        ProcessRef { container: container.to_owned(), exec: Some(id.to_owned()) }
    }
}

impl std::fmt::Display for ProcessRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.exec {
            None => write!(f, "container {}", self.container),
            Some(exec) => write!(f, "exec {exec} of container {}", self.container),
        }
    }
}

/// A terminal's size in character cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WinSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

/// What a descriptor that travels with a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FdRole {
    /// The process's pidfd: readable once it has exited.
    Pidfd,
    /// Nonblocking writing end of its standard input.
    Stdin,
    /// Reading end of its standard output, to be held and never read: it keeps the data while there is no keeper. For
    /// a process with a terminal, the pipe that its output goes through.
    Stdout,
    /// The same of its standard error.
    Stderr,
    /// Nonblocking controlling end of its terminal: the daemon writes input there and never reads.
    Terminal,
}

/// To a successful start. Descriptors: as `fds` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Started {
    /// Process id in the keeper's namespace, the host's.
    pub pid: i32,
    /// When.
    pub started_at: Timestamp,
    /// What the descriptors are.
    pub fds: Vec<FdRole>,
    /// One more comes after those: a container's mount namespace. Who holds it takes its file systems down; else the last
    /// process does before its end is known, and waits for the disk.
    #[serde(default)]
    pub mount_namespace: bool,
}

/// What has become of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It runs.
    Running,
    /// It has exited, and waits for [`Request::AckExit`](super::Request::AckExit).
    Exited(ExitRecord),
    /// It ended while there was no keeper, or this one has not got its terminal: how it ended and what it wrote last,
    /// only descriptors that the daemon holds can tell. Waits for [`Request::Adopt`](super::Request::Adopt).
    Orphaned,
}

/// A process in [`Reply::List`](super::Reply::List).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProcessState {
    /// Which one.
    pub process: ProcessRef,
    /// Its process id.
    pub pid: i32,
    /// When it was started.
    pub started_at: Timestamp,
    /// What has become of it.
    pub health: Health,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// What its descriptors in this message are.
    pub fds: Vec<FdRole>,
    /// See [`ExecRequest::note`](super::ExecRequest::note).
    #[serde(default)]
    pub note: Option<String>,
}
