//! How a process ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a process ended. What is not known is said so, never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It called exit with this code, 0 to 255.
    Exited(i32),
    /// This signal ended it.
    Signaled(i32),
    /// It ended while nobody was there who could be told how.
    Unknown,
}

impl ExitStatus {
    /// The code by the shell's convention: 128 + n for signal n. None if unknown.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            ExitStatus::Exited(code) => Some(code),
            ExitStatus::Signaled(signal) => Some(128 + signal),
            ExitStatus::Unknown => None,
        }
    }
}

/// What is recorded of an exit, before the process is reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How it ended.
    pub status: ExitStatus,
    /// When the keeper saw it.
    pub at: Timestamp,
    /// Whether the kernel killed a process of the container for lack of memory. False for execs.
    pub oom_killed: bool,
    /// When the process had been started, which tells runs of a container apart whatever becomes of the clock. None if who
    /// recorded it did not know.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
}
