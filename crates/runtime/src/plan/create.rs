//! The plan of a new container's first process.

use std::cell::OnceCell;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use teu_oci::runtime::{Hooks, Linux, NamespaceKind, Process, Spec};
use teu_sys::caps::Capability;
use teu_sys::mount::{self, Change, Propagation, clone_tree, set_attributes};
use teu_sys::process::CloneFlags;

use super::mounts::{Mounts, default_propagation};
use super::namespaces::Namespaces;
use super::process::{Setting, finish, labels, limits};
use super::text::{c_path, in_root};
use super::{
    EnterRoot, GateFiles, Plan, Root, Step, Terminal, capabilities, devices, environment, kernel, options, sysctl,
};
use crate::{Error, Launch, Rootfs, Stdio};

/// A plan, and what the parent does around it.
#[derive(Debug)]
pub(crate) struct CreatePlan {
    pub(crate) plan: Plan,
    pub(crate) clone: CloneFlags,
    /// A user namespace to join before everything else.
    pub(crate) user: Option<OwnedFd>,
    /// Namespaces that the parent is in during the clone.
    pub(crate) before_clone: Vec<(NamespaceKind, OwnedFd)>,
    /// Whether the child is in a user namespace that has no maps yet.
    pub(crate) write_maps: bool,
    /// What the parent does for a child that is in a user namespace.
    pub(crate) privileged: Vec<Step>,
}

impl CreatePlan {
    /// Has the process join a network namespace that is ready, loopback interface included, instead of making one.
    pub(crate) fn use_network(&mut self, namespace: OwnedFd) {
        if let Some(step) = self.plan.steps.iter_mut().find(|step| matches!(step, Step::Loopback)) {
            *step = Step::SetNamespace(NamespaceKind::Network, namespace);
            self.clone.remove(CloneFlags::NEWNET);
        }
    }
}

/// Compiles a launch.
pub(crate) fn compile(launch: Launch<'_>, gate: Option<GateFiles>) -> Result<CreatePlan, Error> {
    let (spec, linger, hold_signals) = (launch.spec, launch.linger, launch.hold_signals);
    let process = spec.process.as_ref().ok_or_else(|| Error::InvalidSpec("process is missing".into()))?;
    let linux = spec.linux.clone().unwrap_or_default();
    let root_path = launch.rootfs_path();
    let mut namespaces = Namespaces::compile(&linux, launch.namespaces)?;
    let user = namespaces.take(NamespaceKind::User);
    let before_clone = namespaces.take_before_clone();
    let own_mounts = namespaces.has(NamespaceKind::Mount);
    let common = launch.common.as_deref().filter(|_| user.is_none() && may_share(process, &linux, &namespaces));
    let root = open_root(root_path.as_deref(), launch.rootfs, own_mounts)?;
    let program = environment::executable(process, root.fd.as_fd(), None)?;

    let mut steps = Vec::new();
    if let Some(cgroup) = launch.cgroup {
        let fds = cgroup.join_fds().map_err(|e| Error::Cgroup(Box::new(e)))?;
        steps.push(Step::JoinCgroup(fds));
    }
    steps.push(Step::HideMemory);
    let (scores, rlimits): (Vec<_>, Vec<_>) =
        limits(process)?.into_iter().partition(|s| matches!(s, Step::OomScore(_)));
    let mut late = Vec::new();
    let mut privileged = Vec::new();
    if namespaces.has(NamespaceKind::User) {
        privileged.extend(scores.into_iter().chain(rlimits));
        steps.push(Step::AwaitIdMaps);
        if namespaces.makes_user() {
            steps.push(Step::BecomeRoot);
        }
    } else {
        steps.extend(scores);
        late.extend(rlimits);
    }
    steps.extend(namespaces.steps(&linux)?);
    steps.push(Step::NewSession);
    steps.extend(namespaces.contents(spec)?);

    let mounts = Mounts {
        bundle: launch.bundle,
        linux: &linux,
        sources: launch.mount_sources,
        root: root.fd.as_fd(),
        same_view: !namespaces.has(NamespaceKind::User) && !namespaces.is_joined(NamespaceKind::Mount),
        cgroup: launch.cgroup,
        common,
        propagation: default_propagation(root_propagation(&linux)?),
        readonly_later: Vec::new(),
    };
    let inside = inside_steps(spec, &linux, process, &namespaces, mounts, &launch.stdio)?;
    if own_mounts {
        steps.push(Step::IsolateMounts);
    }
    steps.push(Step::AttachRoot(Box::new(root)));
    steps.extend(inside);
    steps.extend(enter_root(spec, &linux, own_mounts, launch.no_pivot)?);
    steps.extend(kernel::compile(&linux)?);
    steps.extend(labels(process, namespaces.has(NamespaceKind::User))?);
    steps.extend(late);
    let setting = Setting {
        filter: super::process::filter(&linux, launch.filter_cache)?,
        keyring: (!launch.no_new_keyring).then(|| format!("_ses.{}", launch.id)),
        keep_groups: namespaces.makes_user() && !crate::idmap::may_set_groups(),
        gate: true,
    };
    steps.extend(finish(process, launch.stdio, (launch.preserve_fds, launch.inherit_fds), setting)?);
    Ok(CreatePlan {
        plan: Plan { steps, program, gate, linger, hold_signals, empty: common.map(|c| c.empty().to_owned()) },
        clone: namespaces.clone,
        user,
        before_clone,
        write_maps: namespaces.makes_user(),
        privileged,
    })
}

/// Whether a container may have directories in common with others: it finds them where its parent does, may only read them, and
/// cannot give itself more rights.
fn may_share(process: &Process, linux: &Linux, namespaces: &Namespaces) -> bool {
    let sets = capabilities::compile(process.capabilities.as_ref());
    let administers = [sets.bounding, sets.thread.permitted, sets.thread.inheritable]
        .into_iter()
        .any(|set| set.contains(Capability::SYS_ADMIN));
    namespaces.has(NamespaceKind::Mount)
        && !namespaces.has(NamespaceKind::User)
        && !namespaces.is_joined(NamespaceKind::Mount)
        && linux.mount_label.is_empty()
        && !administers
}

/// The root as a detached mount, or the directory where there are none.
fn open_root(path: Option<&std::path::Path>, rootfs: Rootfs, or_over_root: bool) -> Result<Root, Error> {
    let root = |fd, path| Root { fd, detached: true, path, or_over_root, change: None, attached: OnceCell::new() };
    let path = match (rootfs, path) {
        (Rootfs::Mount(mount), _) => return Ok(root(mount, None)),
        (Rootfs::Path(_), Some(path)) => path,
        (Rootfs::Path(_), None) => return Err(Error::InvalidSpec("root.path is missing".into())),
    };
    let failed = |e: Errno| Error::step(format!("open the root file system {}", path.display()))(e.into());
    let c_path = c_path(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(&c_path, flags, Mode::empty()).map_err(failed)?;
    // A shared mount cannot become the root.
    let change = Change::propagate(Propagation::Slave);
    if !mount::api().detached {
        return Ok(Root { detached: false, change: Some(change), ..root(directory, Some(c_path)) });
    }
    let mount = clone_tree(directory.as_fd(), c"", true).map_err(failed)?;
    if !mount::api().attributes {
        return Ok(Root { change: Some(change), ..root(mount, Some(c_path)) });
    }
    set_attributes(mount.as_fd(), &change).map_err(failed)?;
    Ok(root(mount, Some(c_path)))
}

fn root_propagation(linux: &Linux) -> Result<Option<(Propagation, bool)>, Error> {
    match linux.rootfs_propagation.as_str() {
        "" => Ok(None),
        name => options::propagation(name)
            .map(Some)
            .ok_or_else(|| Error::InvalidSpec(format!("rootfsPropagation {name:?} is unknown"))),
    }
}

/// What is made inside the root before it is entered.
fn inside_steps(
    spec: &Spec,
    linux: &Linux,
    process: &Process,
    namespaces: &Namespaces,
    mut mounts: Mounts<'_>,
    stdio: &Stdio,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut host_dev = false;
    for mount in &spec.mounts {
        let options = options::Options::parse(&mount.options)?;
        let bind = options.bind.is_some() || mount.kind == "bind";
        host_dev |= bind && super::mounts::normalize(&mount.destination) == std::path::Path::new("/dev");
        steps.extend(mounts.compile(mount)?);
    }
    if let Some((path, _)) = mounts.sources.first_key_value() {
        return Err(Error::InvalidSpec(format!("a mount source was passed for {}, which is no mount", path.display())));
    }
    if !host_dev {
        steps.extend(devices::compile(&linux.devices, namespaces.has(NamespaceKind::User))?);
        steps.extend(devices::links()?);
    }
    if let Stdio::Terminal { size } = stdio {
        let size = size.or_else(|| console_size(process));
        steps.push(Step::Terminal(Terminal { size, console: !host_dev, owner: process.user.uid }));
    }
    if spec.hooks.as_ref().is_some_and(runs_before_pivot) {
        steps.push(Step::AwaitHooks);
    }
    steps.extend(sysctl::compile(spec, linux, &namespaces.own)?);
    steps.push(Step::MakeDirectory(in_root(&process.cwd)?));
    steps.extend(mounts.readonly_later.drain(..).map(Step::RemountReadonly));
    for path in &linux.masked_paths {
        steps.push(Step::Mask(in_root(path)?));
    }
    for path in &linux.readonly_paths {
        steps.push(Step::Readonly(in_root(path)?));
    }
    Ok(steps)
}

/// The configuration's terminal size.
pub(crate) fn console_size(process: &Process) -> Option<crate::WindowSize> {
    let size = process.console_size?;
    let clamp = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    Some(crate::WindowSize { rows: clamp(size.height), columns: clamp(size.width) })
}

fn runs_before_pivot(hooks: &Hooks) -> bool {
    [&hooks.prestart, &hooks.create_runtime, &hooks.create_container].iter().any(|h| !h.is_empty())
}

fn enter_root(spec: &Spec, linux: &Linux, own_mounts: bool, no_pivot: bool) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    // While the caller's procfs is there, which old mount calls need.
    if spec.root.as_ref().is_some_and(|r| r.readonly) {
        steps.push(Step::RootReadonly);
    }
    steps.push(Step::EnterRoot(match (own_mounts, no_pivot) {
        (false, _) => EnterRoot::Chroot,
        (true, true) => EnterRoot::Move,
        (true, false) => EnterRoot::Pivot,
    }));
    if let Some((propagation, recursive)) = root_propagation(linux)? {
        steps.push(Step::RootPropagation(propagation, recursive));
    }
    Ok(steps)
}
