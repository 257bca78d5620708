use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{is_default, nullable};

/// A process in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Process {
    /// Whether a terminal is attached.
    #[serde(skip_serializing_if = "super::is_false")]
    pub terminal: bool,
    /// The terminal's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<ConsoleSize>,
    /// Ids the process runs as.
    pub user: User,
    /// Program and arguments, as in `execvp`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub args: Vec<String>,
    /// The whole environment, as `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub env: Vec<String>,
    /// Working directory, absolute, inside the container.
    pub cwd: PathBuf,
    /// Capability sets. Absent: none at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Resource limits of the process.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub rlimits: Vec<Rlimit>,
    /// Whether `execve` may never add privileges (`PR_SET_NO_NEW_PRIVS`).
    #[serde(skip_serializing_if = "super::is_false")]
    pub no_new_privileges: bool,
    /// AppArmor profile.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub apparmor_profile: String,
    /// `oom_score_adj`, from -1000 to 1000. Absent: inherited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_score_adj: Option<i32>,
    /// CPU scheduler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// SELinux context.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub selinux_label: String,
    /// I/O scheduling class and priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_priority: Option<IoPriority>,
    /// CPU affinity of processes added to the container.
    #[serde(rename = "execCPUAffinity", skip_serializing_if = "Option::is_none")]
    pub exec_cpu_affinity: Option<CpuAffinity>,
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsoleSize {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

/// Ids a process runs as, in the container's user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// File mode creation mask. Absent: inherited, 0o022 by convention.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub umask: Option<u32>,
    /// Supplementary groups.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub additional_gids: Vec<u32>,
    /// User name; used on Windows only.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub username: String,
}

/// Capability sets, each a list of names such as `CAP_CHOWN`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// What may ever be gained.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub bounding: Vec<String>,
    /// What the kernel checks.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub effective: Vec<String>,
    /// What is kept across `execve` of files with inheritable capabilities.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub inheritable: Vec<String>,
    /// What the process may make effective.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub permitted: Vec<String>,
    /// What is kept across `execve` of ordinary files.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub ambient: Vec<String>,
}

/// One resource limit; see `getrlimit(2)` for kinds and units. `u64::MAX` is "unlimited".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rlimit {
    /// Name, such as `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Ceiling of the soft limit.
    pub hard: u64,
    /// The limit that is enforced.
    pub soft: u64,
}

/// I/O scheduling, as `ioprio_set(2)` takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
    pub class: String,
    /// Priority within the class, 0 (highest) to 7.
    pub priority: i32,
}

/// CPU scheduling, as `sched_setattr(2)` takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scheduler {
    /// Policy, such as `SCHED_OTHER`.
    pub policy: String,
    /// Nice value, for `SCHED_OTHER` and `SCHED_BATCH`.
    #[serde(skip_serializing_if = "is_default")]
    pub nice: i32,
    /// Static priority, for `SCHED_FIFO` and `SCHED_RR`.
    #[serde(skip_serializing_if = "is_default")]
    pub priority: i32,
    /// Flags, such as `SCHED_FLAG_RESET_ON_FORK`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub flags: Vec<String>,
    /// Nanoseconds of run time per period, for `SCHED_DEADLINE`.
    #[serde(skip_serializing_if = "is_default")]
    pub runtime: u64,
    /// Nanoseconds to the deadline, for `SCHED_DEADLINE`.
    #[serde(skip_serializing_if = "is_default")]
    pub deadline: u64,
    /// Nanoseconds per period, for `SCHED_DEADLINE`.
    #[serde(skip_serializing_if = "is_default")]
    pub period: u64,
}

/// CPU lists such as `0-3,7` for a process that is added to a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuAffinity {
    /// Affinity before the process moves into the container's cgroup.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub initial: String,
    /// Affinity after that.
    #[serde(rename = "final", skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub last: String,
}
