use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use teu_oci::runtime::{Spec, State, Status};
use teu_sys::pidfd;

/// What is kept of a container: the contents of `state.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) oci_version: String,
    pub(crate) id: String,
    /// Process id of the first process, seen from the runtime; 0 while it is created.
    pub(crate) pid: i32,
    /// When that process was started, in clock ticks since boot: with the pid, a name that is not reused.
    pub(crate) start_time: u64,
    pub(crate) bundle: PathBuf,
    pub(crate) rootfs: PathBuf,
    /// When the container was created, in RFC 3339.
    pub(crate) created: String,
    /// Path of the cgroup in every hierarchy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_pivot: bool,
    pub(crate) spec: Spec,
}

/// What the first process is up to.
#[derive(Debug)]
pub(crate) enum Condition {
    /// It is there; here is its descriptor.
    Alive(OwnedFd),
    /// It has ended, or was never there.
    Gone,
}

impl Record {
    /// Looks at the first process.
    pub(crate) fn condition(&self) -> Condition {
        if self.pid <= 0 {
            return Condition::Gone;
        }
        // Opened first, so that the process cannot be replaced by another between the look and the use.
        match pidfd::open(self.pid) {
            Ok(fd) if start_time(self.pid) == Some(self.start_time) => Condition::Alive(fd),
            _ => Condition::Gone,
        }
    }

    /// The state as the specification has it.
    pub(crate) fn state(&self, status: Status) -> State {
        State {
            oci_version: self.oci_version.clone(),
            id: self.id.clone(),
            status,
            pid: if status == Status::Stopped { 0 } else { self.pid },
            bundle: self.bundle.clone(),
            annotations: self.spec.annotations.clone(),
        }
    }
}

/// When a process was started, in clock ticks since boot; `None` if it is gone or a zombie.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    parse_stat(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The name in parentheses may contain anything, so that fields are counted from the last closing one. State is field 3,
/// start time field 22 (proc_pid_stat(5)).
pub(crate) fn parse_stat(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|b| *b == b')')?;
    let mut fields = stat[end + 1..].split(|b| *b == b' ').filter(|f| !f.is_empty());
    let state = fields.next()?;
    if matches!(state, b"Z" | b"X" | b"x") {
        return None;
    }
    std::str::from_utf8(fields.nth(18)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let stat = b"12 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20\n";
        assert_eq!(parse_stat(stat), Some(4242));
        assert_eq!(parse_stat(b"12 (a) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242"), None);
        assert_eq!(parse_stat(b"garbage"), None);
        assert!(start_time(1).is_some());
    }
}
