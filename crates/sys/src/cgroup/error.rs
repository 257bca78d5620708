//! What can go wrong with a cgroup.

use std::path::PathBuf;

use rustix::io::Errno;

use super::Controller;

/// Result of a cgroup operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a cgroup. The kernel's reason is part of each message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No cgroup file system is mounted.
    #[error("no cgroup file system is mounted")]
    NotMounted,
    /// The path is not absolute, or has `.` or `..` in it.
    #[error("invalid cgroup path {path:?}: {reason}")]
    InvalidPath {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A cgroup of this name has processes already.
    #[error("cgroup {path} is in use: it has processes already")]
    InUse {
        /// Path of the group within its hierarchy.
        path: String,
    },
    /// No such cgroup.
    #[error("no such cgroup: {path}")]
    NotFound {
        /// Path of the group within its hierarchy.
        path: String,
    },
    /// A directory or special file could not be used.
    #[error("cannot {action} {}: {errno}", path.display())]
    Path {
        /// `create`, `open`, `remove`, `watch` …
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A file could not be read.
    #[error("cannot read {}: {errno}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// The kernel's reason.
        errno: Errno,
    },
    /// A value was refused.
    #[error("failed to write {value:?}: write {}: {}", file.display(), reason(*errno))]
    Write {
        /// Which file.
        file: PathBuf,
        /// The value.
        value: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The kernel takes other shares of processor time than those that were asked for.
    #[error("the {bound} allowed cpu-shares is {allowed}")]
    Shares {
        /// `minimum` or `maximum`.
        bound: &'static str,
        /// What it takes.
        allowed: u64,
    },
    /// A file holds something unexpected.
    #[error("unexpected content in {}: {text:?}", file.display())]
    Parse {
        /// Which file.
        file: PathBuf,
        /// The line or word.
        text: String,
    },
    /// A limit needs a controller that this group does not have.
    #[error("cannot limit {what}: the {controller} controller is not available to cgroup {path}")]
    NoController {
        /// The limit.
        what: &'static str,
        /// What it needs.
        controller: Controller,
        /// Path of the group within its hierarchy.
        path: String,
    },
    /// A cgroup on the way has processes of its own, so v2 lets it give no controllers to its children.
    #[error("cgroup {} has processes of its own and cannot give controllers to its children; move them to a child", path.display())]
    InternalProcesses {
        /// Which.
        path: PathBuf,
    },
    /// A limit needs a file that this kernel does not have.
    #[error("cannot limit {what}: this kernel has no {}", file.display())]
    NoKernelSupport {
        /// The limit.
        what: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// A limit that this version of cgroups cannot express.
    #[error("{what} is not supported on cgroup {version}")]
    Unsupported {
        /// The limit.
        what: &'static str,
        /// `v1` or `v2`.
        version: &'static str,
    },
    /// A value out of range, or a combination that makes no sense.
    #[error("invalid {what} {value}: {reason}")]
    InvalidValue {
        /// The limit.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The new memory limit is below what is in use, and `check_before_update` forbids to reclaim.
    #[error("cannot set memory limit to {limit} bytes: {usage} bytes are in use")]
    BelowUsage {
        /// Wanted limit.
        limit: u64,
        /// Use now.
        usage: u64,
    },
    /// The eBPF program that guards device nodes could not be loaded or attached.
    #[error("cannot {action} the device filter of cgroup {path}: {errno}")]
    DeviceFilter {
        /// `load`, `attach` …
        action: &'static str,
        /// Path of the group within its hierarchy.
        path: String,
        /// The kernel's reason.
        errno: Errno,
    },
    /// systemd did not do what it was asked.
    #[error("systemd cannot {action} {unit}: {reason}")]
    Systemd {
        /// `start`, `change`.
        action: &'static str,
        /// Name of the unit.
        unit: String,
        /// systemd's reason.
        reason: String,
    },
    /// Processes would not die or the directory would not go within the limit.
    #[error("cannot remove cgroup {path}: {pids} processes are still in it")]
    Busy {
        /// Path of the group within its hierarchy.
        path: String,
        /// How many processes.
        pids: usize,
    },
    /// Freezing did not complete within the limit.
    #[error("cannot freeze cgroup {path}: still {state} after {millis} ms")]
    FreezeTimeout {
        /// Path of the group within its hierarchy.
        path: String,
        /// Last state read.
        state: String,
        /// The limit.
        millis: u64,
    },
}

/// The kernel's reason as programs in Go say it: in lower case, without its number.
fn reason(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_values_are_told_in_the_words_that_clients_know() {
        let error = Error::Write { file: "/g/cpu.rt_runtime_us".into(), value: "95".into(), errno: Errno::INVAL };
        assert_eq!(error.to_string(), "failed to write \"95\": write /g/cpu.rt_runtime_us: invalid argument");
    }
}
