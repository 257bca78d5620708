//! What `create` and `exec` do alike: limits, streams, credentials, the program.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::process::Resource;
use teu_oci::runtime::{self as oci, Linux, Process};
use teu_sys::sched::{IoClass, Scheduling};
use teu_sys::seccomp::Program;

use super::text::{c_path, c_string};
use super::{Credentials, Descriptor, Label, Rlimit, Step, capabilities};
use crate::{Error, Stdio, seccomp};

/// What the steps of a process depend on beside the process itself.
pub(crate) struct Setting {
    pub(crate) filter: Option<Arc<Program>>,
    pub(crate) keyring: Option<String>,
    pub(crate) keep_groups: bool,
    /// Whether the process waits for a start before it executes its program.
    pub(crate) gate: bool,
}

/// The compiled system call filter of a container.
pub(crate) fn filter(linux: &Linux, cache: Option<&Path>) -> Result<Option<Arc<Program>>, Error> {
    let Some(filter) = &linux.seccomp else { return Ok(None) };
    match cache {
        Some(directory) => seccomp::program_cached_in(directory, filter),
        None => seccomp::program(filter),
    }
    .map(Some)
}

/// Limits, which need the caller's privileges.
pub(crate) fn limits(process: &Process) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if let Some(score) = process.oom_score_adj {
        if !(-1000..=1000).contains(&score) {
            return Err(Error::InvalidSpec(format!("oomScoreAdj {score} is not in -1000..1000")));
        }
        steps.push(Step::OomScore(score));
    }
    for (index, limit) in process.rlimits.iter().enumerate() {
        if process.rlimits[..index].iter().any(|l| l.kind == limit.kind) {
            return Err(Error::InvalidSpec(format!("rlimit {} is listed more than once", limit.kind)));
        }
        steps.push(Step::Rlimit(rlimit(limit)?));
    }
    Ok(steps)
}

fn rlimit(limit: &oci::Rlimit) -> Result<Rlimit, Error> {
    let resource = match limit.kind.strip_prefix("RLIMIT_").unwrap_or_default() {
        "AS" => Resource::As,
        "CORE" => Resource::Core,
        "CPU" => Resource::Cpu,
        "DATA" => Resource::Data,
        "FSIZE" => Resource::Fsize,
        "LOCKS" => Resource::Locks,
        "MEMLOCK" => Resource::Memlock,
        "MSGQUEUE" => Resource::Msgqueue,
        "NICE" => Resource::Nice,
        "NOFILE" => Resource::Nofile,
        "NPROC" => Resource::Nproc,
        "RSS" => Resource::Rss,
        "RTPRIO" => Resource::Rtprio,
        "RTTIME" => Resource::Rttime,
        "SIGPENDING" => Resource::Sigpending,
        "STACK" => Resource::Stack,
        _ => return Err(Error::InvalidSpec(format!("unknown rlimit {:?}", limit.kind))),
    };
    let finite = |value: u64| (value != u64::MAX).then_some(value);
    Ok(Rlimit { name: limit.kind.clone(), resource, soft: finite(limit.soft), hard: finite(limit.hard) })
}

/// Everything after the container's surroundings are set up.
pub(crate) fn finish(
    process: &Process,
    stdio: Stdio,
    (preserve, inherit): (Vec<OwnedFd>, u16),
    setting: Setting,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if let Some(name) = &setting.keyring {
        steps.push(Step::Keyring(c_string(name, "the container's id")?));
    }
    steps.extend(scheduling(process)?);
    let kept = i32::try_from(preserve.len()).unwrap_or(i32::MAX - 3).max(i32::from(inherit));
    let first_free = 3 + kept;
    steps.push(Step::Descriptors(descriptors(stdio, preserve, first_free)?));
    steps.push(Step::OwnStreams(process.user.uid));
    if process.no_new_privileges {
        steps.push(Step::NoNewPrivileges);
    }
    // Without no-new-privileges the filter needs CAP_SYS_ADMIN, which the next step may take away. With it, the filter
    // comes last, so that it need not allow what happens before; but a listener must be handed over before the gate.
    let early = setting.filter.as_ref().is_some_and(|f| !process.no_new_privileges || f.notifies());
    if let Some(filter) = setting.filter.as_ref().filter(|_| early && !process.no_new_privileges) {
        steps.push(Step::Seccomp(Arc::clone(filter)));
    }
    steps.push(Step::Credentials(Box::new(credentials(process, setting.keep_groups)?)));
    steps.push(Step::FindProgram);
    steps.push(Step::CloseDescriptors(first_free.unsigned_abs()));
    if let Some(filter) = setting.filter.as_ref().filter(|_| early && process.no_new_privileges) {
        steps.push(Step::Seccomp(Arc::clone(filter)));
    }
    if setting.gate {
        steps.push(Step::Gate);
    }
    if let Some(filter) = setting.filter.filter(|_| !early) {
        steps.push(Step::Seccomp(filter));
    }
    steps.push(Step::Execute);
    Ok(steps)
}

/// Which descriptor becomes which number. Those in the way of another's new number are moved up first.
fn descriptors(stdio: Stdio, preserve: Vec<OwnedFd>, first_free: i32) -> Result<Vec<Descriptor>, Error> {
    let streams = match stdio {
        Stdio::Inherit | Stdio::Terminal { .. } => Vec::new(),
        Stdio::Fds { stdin, stdout, stderr } => vec![stdin, stdout, stderr],
    };
    let numbered = streams.into_iter().zip(0..).chain(preserve.into_iter().zip(3..));
    numbered
        .map(|(fd, number)| {
            let in_the_way = fd.as_raw_fd() < first_free && fd.as_raw_fd() != number;
            let fd = if in_the_way {
                teu_sys::process::duplicate_from(std::os::fd::AsFd::as_fd(&fd), first_free)
                    .map_err(Error::step("move a descriptor"))?
            } else {
                fd
            };
            Ok(Descriptor { fd, number })
        })
        .collect()
}

fn credentials(process: &Process, keep_groups: bool) -> Result<Credentials, Error> {
    if !process.cwd.is_absolute() {
        return Err(Error::InvalidSpec(format!(
            "process.cwd {:?} is not an absolute path",
            process.cwd.display().to_string()
        )));
    }
    let user = &process.user;
    if user.uid == u32::MAX || user.gid == u32::MAX || user.additional_gids.contains(&u32::MAX) {
        return Err(Error::InvalidSpec("process.user has the id 4294967295, which stands for none".into()));
    }
    if keep_groups && !user.additional_gids.is_empty() {
        return Err(Error::InvalidSpec("additionalGids cannot be set without privileges".into()));
    }
    let sets = capabilities::compile(process.capabilities.as_ref());
    Ok(Credentials {
        uid: user.uid,
        gid: user.gid,
        groups: user.additional_gids.iter().map(|g| rustix::fs::Gid::from_raw(*g)).collect(),
        keep_groups,
        umask: user.umask.unwrap_or(0o022) & 0o777,
        bounding: sets.bounding,
        sets: sets.thread,
        ambient: sets.ambient,
        cwd: c_path(&process.cwd)?,
    })
}

/// Security labels, which count from the next `execve`. Setting them takes a procfs of one's own, and that privileges and
/// descriptors, so limits, credentials and filters come later.
pub(crate) fn labels(process: &Process, own_user_namespace: bool) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut label = |attribute: &str, value: String| -> Result<(), Error> {
        let attribute = c_string(format!("thread-self/attr/{attribute}"), "a label")?;
        steps.push(Step::Label(Label { attribute, value: c_string(value, "a security label")?, own_user_namespace }));
        Ok(())
    };
    if !process.selinux_label.is_empty() {
        label("exec", process.selinux_label.clone())?;
    }
    let profile = &process.apparmor_profile;
    if !profile.is_empty() && (apparmor_enabled() || profile != "unconfined") {
        if !apparmor_enabled() {
            return Err(Error::InvalidSpec(format!(
                "AppArmor profile {profile:?} is asked for, but AppArmor is not enabled"
            )));
        }
        // The file of its own exists where security modules are stacked (Linux 5.8).
        let own = Path::new("/proc/self/attr/apparmor/exec").exists();
        label(if own { "apparmor/exec" } else { "exec" }, format!("{}{profile}", Label::PROFILE))?;
    }
    Ok(steps)
}

/// Whether the kernel enforces AppArmor profiles.
pub(crate) fn apparmor_enabled() -> bool {
    std::fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|v| v.starts_with(b"Y"))
}

fn scheduling(process: &Process) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if let Some(scheduler) = &process.scheduler {
        steps.push(Step::Scheduler(scheduler_attributes(scheduler)?));
    }
    if let Some(priority) = &process.io_priority {
        let class = match priority.class.as_str() {
            "IOPRIO_CLASS_RT" => IoClass::RealTime,
            "IOPRIO_CLASS_BE" => IoClass::BestEffort,
            "IOPRIO_CLASS_IDLE" => IoClass::Idle,
            other => return Err(Error::InvalidSpec(format!("unknown I/O priority class {other:?}"))),
        };
        let level = u8::try_from(priority.priority).ok().filter(|p| *p < 8);
        let level =
            level.ok_or_else(|| Error::InvalidSpec(format!("I/O priority {} is not in 0..7", priority.priority)))?;
        steps.push(Step::IoPriority(class, level));
    }
    Ok(steps)
}

/// Policies and flags of `linux/sched.h`, by position and bit.
const POLICIES: [&str; 7] =
    ["SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE"];
const FLAGS: [&str; 7] = [
    "SCHED_FLAG_RESET_ON_FORK",
    "SCHED_FLAG_RECLAIM",
    "SCHED_FLAG_DL_OVERRUN",
    "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS",
    "SCHED_FLAG_UTIL_CLAMP_MIN",
    "SCHED_FLAG_UTIL_CLAMP_MAX",
];

fn scheduler_attributes(scheduler: &oci::Scheduler) -> Result<Scheduling, Error> {
    let unknown = |what: &str, name: &str| Error::InvalidSpec(format!("unknown scheduler {what} {name:?}"));
    let policy = POLICIES.iter().zip(0..).find(|(name, _)| **name == scheduler.policy);
    let (_, policy) = policy.ok_or_else(|| unknown("policy", &scheduler.policy))?;
    let mut flags = 0;
    for flag in &scheduler.flags {
        let (_, bit) = FLAGS.iter().zip(0u32..).find(|(name, _)| *name == flag).ok_or_else(|| unknown("flag", flag))?;
        flags |= 1 << bit;
    }
    let mut attributes = Scheduling::default();
    attributes.policy = policy;
    attributes.flags = flags;
    attributes.nice = scheduler.nice;
    attributes.priority =
        u32::try_from(scheduler.priority).map_err(|_| Error::InvalidSpec("a scheduler priority is negative".into()))?;
    attributes.runtime = scheduler.runtime;
    attributes.deadline = scheduler.deadline;
    attributes.period = scheduler.period;
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_checked() {
        let with = |kind: &str| Process {
            rlimits: vec![oci::Rlimit { kind: kind.into(), hard: u64::MAX, soft: 5 }; 1],
            ..Process::default()
        };
        assert!(matches!(&limits(&with("RLIMIT_NOFILE")).unwrap()[0],
            Step::Rlimit(l) if l.hard.is_none() && l.soft == Some(5)));
        assert!(limits(&with("RLIMIT_NONSENSE")).is_err());
        let mut twice = with("RLIMIT_CORE");
        twice.rlimits.push(twice.rlimits[0].clone());
        assert!(limits(&twice).is_err());
        assert!(limits(&Process { oom_score_adj: Some(2000), ..Process::default() }).is_err());
    }

    #[test]
    fn descriptors_in_the_way_are_moved() {
        let fd: OwnedFd = std::fs::File::open("/dev/null").unwrap().into();
        let low = fd.as_raw_fd();
        let placed = descriptors(Stdio::Inherit, vec![fd], low + 10).unwrap();
        assert!(placed[0].fd.as_raw_fd() >= low + 10 || low == 3);
        assert_eq!(placed[0].number, 3);
    }

    #[test]
    fn schedulers_are_converted() {
        let scheduler = oci::Scheduler {
            policy: "SCHED_BATCH".into(),
            nice: 3,
            flags: vec!["SCHED_FLAG_RESET_ON_FORK".into()],
            ..oci::Scheduler::default()
        };
        let attributes = scheduler_attributes(&scheduler).unwrap();
        assert_eq!((attributes.policy, attributes.nice, attributes.flags), (3, 3, 1));
        assert!(scheduler_attributes(&oci::Scheduler::default()).is_err());
    }

    #[test]
    fn the_gate_separates_what_the_filter_need_not_allow() {
        let process = Process { cwd: "/".into(), no_new_privileges: true, ..Process::default() };
        let setting = Setting { filter: None, keyring: None, keep_groups: false, gate: true };
        let steps = finish(&process, Stdio::Inherit, (vec![], 0), setting).unwrap();
        assert!(matches!(steps[steps.len() - 2], Step::Gate));
        assert!(matches!(steps[steps.len() - 1], Step::Execute));
        let relative = Process { cwd: "x".into(), ..Process::default() };
        assert!(credentials(&relative, false).is_err());
    }
}
