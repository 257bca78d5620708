//! Requests that start or join processes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use teu_oci::runtime::{Process, Spec};

use super::{FdRole, ProcessRef, WinSize};

/// Creates and starts a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartRequest {
    /// Its id: 64 hexadecimal digits, or any other file name.
    pub id: String,
    /// What to run, by the OCI runtime specification. `process.terminal` is taken from `terminal` below.
    pub spec: Box<Spec>,
    /// A terminal of this size instead of pipes.
    pub terminal: Option<WinSize>,
    /// Give the process a standard input that stays open; otherwise it reads from `/dev/null`.
    pub open_stdin: bool,
    /// Where its output is logged.
    pub log: LogTarget,
    /// Its cgroup, relative to each hierarchy's root: `/teu/<id>`.
    pub cgroup_path: String,
    /// Which runtime runs it.
    #[serde(default)]
    pub runtime: RuntimeChoice,
    /// Its program is Teu's own init, which begins with all signals blocked: those that come early wait for it.
    #[serde(default)]
    pub hold_signals: bool,
    /// What the descriptors that come along are, in their order.
    pub fds: Vec<PassedFd>,
}

/// Starts a process in a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The container's id.
    pub container: String,
    /// The exec's own id.
    pub id: String,
    /// What to run.
    pub process: Box<Process>,
    /// A terminal of this size instead of pipes.
    pub terminal: Option<WinSize>,
    /// Give it a standard input that stays open.
    pub open_stdin: bool,
    /// Nobody will attach: its output is discarded. Otherwise output waits for the first
    /// [`Request::Attach`](super::Request::Attach).
    pub detach: bool,
    /// What the daemon wants to be told of it by [`Request::List`](super::Request::List).
    #[serde(default)]
    pub note: Option<String>,
}

/// What a descriptor that comes with a [`StartRequest`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassedFd {
    /// A detached mount (`fsmount`, `open_tree`) that becomes the root file system.
    Rootfs,
    /// The network namespace to join.
    NetworkNamespace,
    /// The user namespace to join, which the network namespace belongs to.
    UserNamespace,
    /// A detached mount for the mount with this destination in the spec, or a file system to be mounted there (the context of `fsopen`).
    MountSource(PathBuf),
    /// Left open in the container, from descriptor 3 on.
    Preserve,
}

/// Which runtime runs a container.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeChoice {
    /// Teu's own, in the keeper's process.
    #[default]
    Native,
    /// An OCI runtime's command line.
    External {
        /// The executable.
        path: PathBuf,
        /// Arguments before the verb.
        args: Vec<String>,
    },
}

/// Where a container's output is logged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogTarget {
    /// The format.
    pub driver: LogDriver,
    /// The log file; its directory exists. Ignored by [`LogDriver::None`].
    pub path: PathBuf,
    /// Rotate when the file would grow past this many bytes. None: never.
    pub max_size: Option<u64>,
    /// How many files to keep in all, the current one included; 0 and 1 mean one file.
    pub max_files: u32,
    /// Compress rotated files with gzip, by and by.
    pub compress: bool,
    /// Written with each line (labels and environment chosen by log options, the tag).
    pub attrs: BTreeMap<String, String>,
    /// The container never waits for its log: while the log cannot be written, this many bytes of each stream are
    /// kept, and what exceeds them is lost. None: it waits.
    #[serde(default)]
    pub non_blocking: Option<u64>,
    /// Where somebody who sends the log on keeps a [`LogCursor`](crate::LogCursor). A file that has not been read to
    /// its end is not rotated away, unless `non_blocking`.
    #[serde(default)]
    pub cursor: Option<PathBuf>,
}

/// How output is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogDriver {
    /// Docker's default format, one JSON object a line.
    #[default]
    JsonFile,
    /// Docker's `local` format, binary.
    Local,
    /// Not at all.
    None,
}

/// Asks for output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AttachRequest {
    /// Whose.
    pub process: ProcessRef,
    /// Standard output; for a terminal, its output.
    pub stdout: bool,
    /// Standard error. A terminal has none.
    pub stderr: bool,
    /// How the bytes come.
    pub framing: Framing,
    /// Somebody who was attached to a keeper before: duplicates of the spools come along, in which the output stands that
    /// was taken and may not have reached it.
    #[serde(default)]
    pub resume: bool,
}

/// How output comes through an attached socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// As they are: for terminals.
    Raw,
    /// In frames of Docker's attach stream: stream number (1 output, 2 error), three zero bytes, length as four bytes
    /// big endian, then the bytes. The last is [`END_OF_OUTPUT`]: without it, the stream was cut.
    Multiplexed,
}

/// The last frame of a multiplexed stream: the process has ended, and this was all its output.
pub const END_OF_OUTPUT: [u8; 8] = [0xff, 0, 0, 0, 0, 0, 0, 0];

/// Gives a process's descriptors to a keeper that has taken over. Descriptors: as `fds` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdoptRequest {
    /// Whose.
    pub process: ProcessRef,
    /// What they are.
    pub fds: Vec<FdRole>,
}
