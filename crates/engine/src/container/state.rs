//! The states of a container.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ExitStatus {
    /// It called `exit` with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
    /// Nobody was there to see it; never reported as success.
    Unknown,
}

impl ExitStatus {
    /// Docker's exit code. An unknown status is 255, as Docker reports what it lost.
    pub(crate) fn code(self) -> i32 {
        match self {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
            ExitStatus::Unknown => 255,
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exit {
    pub(crate) status: ExitStatus,
    /// When the run began.
    pub(crate) started_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// Whether the kernel killed it for want of memory.
    pub(crate) oom_killed: bool,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Process id of the container's init, as the host sees it.
    pub(crate) pid: i32,
    /// When it began.
    pub(crate) started_at: Timestamp,
}

/// A start that failed before the container's process ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// What the client was told.
    pub(crate) message: String,
    /// 126, 127 or 128.
    pub(crate) exit_code: i32,
    /// How far it came.
    #[serde(default)]
    pub(crate) reached: Reached,
}

/// How far a start came: from there on `inspect` shows where a container's files are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Reached {
    /// It has no network yet.
    Nothing,
    /// It has the files that tell its names.
    Files,
    /// It has a log.
    #[default]
    Log,
}

/// Where a container stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// It has not run yet; a failed first start leaves it here.
    Created { failure: Option<Failure> },
    /// Its process runs.
    Running(Run),
    /// Its process is frozen.
    Paused(Run),
    /// It ended and will be started again when its back-off is over.
    Restarting(Exit),
    /// It ended; a failed later start leaves it here.
    Exited { exit: Exit, failure: Option<Failure> },
    /// It is being removed.
    Removing { last: Option<Exit> },
    /// Its removal failed half-way: only another removal is possible.
    Dead { last: Option<Exit> },
}

/// A container's state as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Restarts by policy since the last start by hand.
    pub(crate) restart_count: u32,
    /// Stopped by a user: `unless-stopped` and `always` leave it alone until it is started by hand.
    pub(crate) stopped_by_user: bool,
    /// It was started at least once.
    pub(crate) has_been_started: bool,
    /// The engine itself freezes it for a moment. One that dies meanwhile leaves it frozen, for the next to thaw.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) briefly_frozen: bool,
    /// The kernel has killed one of its processes for want of memory since the last start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) out_of_memory: bool,
    /// When the run before the current one ended.
    #[serde(default)]
    pub(crate) last_finished: Option<Timestamp>,
}

impl State {
    /// The state of a new container.
    pub(crate) fn new() -> Self {
        State {
            phase: Phase::Created { failure: None },
            restart_count: 0,
            stopped_by_user: false,
            has_been_started: false,
            briefly_frozen: false,
            out_of_memory: false,
            last_finished: None,
        }
    }

    /// Docker's word for it.
    pub(crate) fn word(&self) -> &'static str {
        match self.phase {
            Phase::Created { .. } => "created",
            Phase::Running(_) => "running",
            Phase::Paused(_) => "paused",
            Phase::Restarting(_) => "restarting",
            Phase::Exited { .. } => "exited",
            Phase::Removing { .. } => "removing",
            Phase::Dead { .. } => "dead",
        }
    }

    /// The current run, frozen or not.
    pub(crate) fn run(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Running(run) | Phase::Paused(run) => Some(run),
            _ => None,
        }
    }

    /// Whether its process exists.
    pub(crate) fn is_up(&self) -> bool {
        self.run().is_some()
    }

    /// Whether it counts as running for `wait`: it is, or it will be started again by policy.
    pub(crate) fn is_active(&self) -> bool {
        self.is_up() || matches!(self.phase, Phase::Restarting(_))
    }

    /// The last run's end.
    pub(crate) fn last_exit(&self) -> Option<&Exit> {
        match &self.phase {
            Phase::Restarting(exit) | Phase::Exited { exit, .. } => Some(exit),
            Phase::Removing { last } | Phase::Dead { last } => last.as_ref(),
            Phase::Created { .. } | Phase::Running(_) | Phase::Paused(_) => None,
        }
    }

    /// The last start's failure.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Created { failure } | Phase::Exited { failure, .. } => failure.as_ref(),
            _ => None,
        }
    }

    /// The exit code that inspect and wait report.
    pub(crate) fn exit_code(&self) -> i32 {
        match (self.failure(), self.last_exit()) {
            (Some(failure), _) => failure.exit_code,
            (None, Some(exit)) => exit.status.code(),
            (None, None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn exit_codes() {
        assert_eq!(ExitStatus::Code(3).code(), 3);
        assert_eq!(ExitStatus::Signal(9).code(), 137);
        assert_ne!(ExitStatus::Unknown.code(), 0);
    }
}
