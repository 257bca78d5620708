//! The plan of a process that is added to a running container.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::thread::{CpuSet, ThreadNameSpaceType};
use teu_oci::runtime::NamespaceKind;

use super::process::{Setting, finish, labels, limits};
use super::{Plan, Step, Terminal, environment, kernel};
use crate::{Error, ExecRequest, Stdio};

/// A plan, and what the parent does around it.
#[derive(Debug)]
pub(crate) struct ExecPlan {
    pub(crate) plan: Plan,
    /// Whether the PID namespace is joined, which the parent does.
    pub(crate) joins_pid: bool,
}

/// Compiles a request. With `gate`, the process waits for a start.
pub(crate) fn compile(request: ExecRequest<'_>, gate: bool) -> Result<ExecPlan, Error> {
    let (process, linger) = (request.process, request.linger);
    let root = open_root(request.pid)?;
    let program = environment::executable(process, root.as_fd(), request.program)?;
    let linux = request.spec.linux.clone().unwrap_or_default();
    let (flags, joins_pid) = namespaces_of(request.pid)?;

    let mut steps = Vec::new();
    let affinity = process.exec_cpu_affinity.as_ref();
    steps.extend(affinity.map(|a| cpus(&a.initial)).transpose()?.flatten());
    if let Some(cgroup) = request.cgroup {
        steps.push(Step::JoinCgroup(cgroup.join_fds().map_err(|e| Error::Cgroup(Box::new(e)))?));
    }
    steps.extend(affinity.map(|a| cpus(&a.last)).transpose()?.flatten());
    steps.push(Step::HideMemory);
    // Another user namespace has not been joined yet.
    steps.extend(labels(process, false)?);
    steps.extend(limits(process)?);
    if !flags.is_empty() {
        let pidfd = request.pidfd.try_clone_to_owned().map_err(Error::step("duplicate the container's descriptor"))?;
        steps.push(Step::SetNamespacesOf(pidfd, flags));
    }
    let joins_user = flags.contains(ThreadNameSpaceType::USER);
    if joins_user {
        steps.push(Step::BecomeRoot);
    }
    steps.push(Step::NewSession);
    if !flags.contains(ThreadNameSpaceType::MOUNT) || request.chroot {
        steps.push(Step::Chroot(root));
    }
    if let Stdio::Terminal { size } = request.stdio {
        let size = size.or_else(|| super::create::console_size(process));
        steps.push(Step::Terminal(Terminal { size, console: false, owner: process.user.uid }));
    }
    steps.extend(kernel::compile(&linux)?);
    let setting = Setting {
        filter: super::process::filter(&linux, request.filter_cache)?,
        keyring: (!request.no_new_keyring).then(|| format!("_ses.{}", request.id)),
        keep_groups: joins_user && groups_are_denied(request.pid),
        gate,
    };
    steps.extend(finish(process, request.stdio, (request.preserve_fds, request.inherit_fds), setting)?);
    Ok(ExecPlan { plan: Plan { steps, program, gate: None, linger, hold_signals: false, empty: None }, joins_pid })
}

fn open_root(pid: i32) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(format!("/proc/{pid}/root"), flags, Mode::empty())
        .map_err(|e| Error::step(format!("open the root of process {pid}"))(e.into()))
}

/// The namespaces in which a process differs from the caller, without that of process ids, and whether that one differs.
pub(crate) fn namespaces_of(pid: i32) -> Result<(ThreadNameSpaceType, bool), Error> {
    let mut flags = ThreadNameSpaceType::empty();
    let mut pid_differs = false;
    for kind in NamespaceKind::ALL {
        let name = kind.file_name();
        // A kernel without this kind of namespace has no such file.
        let Ok(own) = rustix::fs::stat(format!("/proc/self/ns/{name}")) else { continue };
        let other = rustix::fs::stat(format!("/proc/{pid}/ns/{name}"))
            .map_err(|e| Error::step(format!("look at the {kind} namespace of process {pid}"))(e.into()))?;
        if own.st_ino == other.st_ino {
            continue;
        }
        match kind {
            NamespaceKind::Pid => pid_differs = true,
            NamespaceKind::User => flags |= ThreadNameSpaceType::USER,
            NamespaceKind::Network => flags |= ThreadNameSpaceType::NETWORK,
            NamespaceKind::Mount => flags |= ThreadNameSpaceType::MOUNT,
            NamespaceKind::Ipc => flags |= ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
            NamespaceKind::Uts => flags |= ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
            NamespaceKind::Cgroup => flags |= ThreadNameSpaceType::CONTROL_GROUP,
            NamespaceKind::Time => flags |= ThreadNameSpaceType::TIME,
        }
    }
    Ok((flags, pid_differs))
}

fn groups_are_denied(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/setgroups")).is_ok_and(|text| text.starts_with(b"deny"))
}

fn cpus(list: &str) -> Result<Option<Step>, Error> {
    let mut set = CpuSet::new();
    for cpu in kernel::parse_list(list)? {
        set.set(cpu);
    }
    Ok((set.count() > 0).then(|| Step::Affinity(Box::new(set))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_namespaces_are_not_joined() {
        let own = rustix::process::getpid().as_raw_pid();
        assert_eq!(namespaces_of(own).unwrap(), (ThreadNameSpaceType::empty(), false));
    }

    #[test]
    fn an_empty_cpu_list_changes_nothing() {
        assert!(cpus("").unwrap().is_none());
        assert!(matches!(cpus("0").unwrap(), Some(Step::Affinity(set)) if set.is_set(0) && set.count() == 1));
    }
}
