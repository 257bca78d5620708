//! Creating a container.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use teu_oci::runtime::{Spec, State, Status};
use teu_sys::cgroup::Cgroup;

use crate::channel::Kind;
use crate::hooks::{self, Place};
use crate::launch::{Begun, Needs};
use crate::plan::create::{CreatePlan, compile};
use crate::plan::{GateFiles, Mount, Plan, Step};
use crate::spawn::{self, How, Worker};
use crate::start::Hooked;
use crate::{Created, Error, Launch, NewNetwork, copy_up, idmap, listener};

/// Begins a container. With `gate`, the start comes through its files.
pub(crate) fn begin(mut launch: Launch<'_>, gate: Option<GateFiles>) -> Result<Begun<'_>, Error> {
    let spec = launch.spec;
    let cgroup = launch.cgroup;
    let hooked = spec.hooks.is_some().then(|| Box::new(Hooked::new(&launch)));
    let state = hook_state(launch.id, spec, launch.bundle);
    let network = launch.network.take();
    let mut compiled = compile(launch, gate)?;
    // Last, for it may still be in the making.
    if let Some(namespace) = network.and_then(NewNetwork::finish) {
        compiled.use_network(namespace);
    }
    let CreatePlan { plan, clone, user, before_clone, write_maps, privileged } = compiled;
    let how = How {
        flags: clone,
        cgroup: cgroup.and_then(Cgroup::clone_fd),
        inside: &before_clone,
        user: user.as_ref().map(AsFd::as_fd),
        ..How::default()
    };
    let worker = spawn::start(&plan, &how)?;
    let state = State { pid: worker.pid, ..state };
    let needs = Needs::Container { helped: Helped { maps: write_maps, privileged }, hooks: hooked };
    Ok(Begun { plan, worker, spec, state, needs })
}

/// Does for a container's process what it asks for, until it is ready.
pub(crate) fn finish(begun: Begun<'_>, helped: &Helped, hooks: Option<Box<Hooked>>) -> Result<Created, Error> {
    let Begun { plan, mut worker, spec, state, .. } = begun;
    match converse(&mut worker, &plan, spec, &state, helped) {
        Ok(()) => Ok(Created { plan, worker, hooks }),
        Err(Error::Died) => {
            let how = worker.kill().map_or_else(|| "in an unknown way".to_owned(), |status| format!("{status:?}"));
            Err(Error::step("set up the container's process")(io::Error::other(format!("it ended: {how}"))))
        }
        Err(e) => {
            worker.kill();
            Err(e)
        }
    }
}

/// Does for the new process what it asks for, until it is ready.
fn converse(worker: &mut Worker, plan: &Plan, spec: &Spec, state: &State, helped: &Helped) -> Result<(), Error> {
    loop {
        let message = worker.next(plan)?;
        match message.kind {
            Kind::IdMaps => {
                helped.help(worker.pid, spec)?;
                worker.go_on()?;
            }
            Kind::Hooks => {
                run_hooks(worker, spec, state)?;
                worker.go_on()?;
            }
            Kind::Listener => {
                let seccomp = spec.linux.as_ref().and_then(|l| l.seccomp.as_ref());
                if let (Some(seccomp), Some(fd)) = (seccomp, message.fd) {
                    listener::hand_over(seccomp, fd.as_fd(), state, worker.pid)?;
                }
            }
            Kind::Fill => {
                if let (Some(Step::Mount(mount)), Some(fd)) = (plan.steps.get(message.step as usize), message.fd) {
                    fill(mount, fd.as_fd())?;
                }
                worker.go_on()?;
            }
            Kind::Ready => return Ok(()),
            Kind::Console | Kind::Failed | Kind::Forked => {}
        }
    }
}

/// Fills a mount that the new process has made, which allocates nothing.
fn fill(mount: &Mount, made: BorrowedFd<'_>) -> Result<(), Error> {
    let Some(source) = &mount.fill else { return Ok(()) };
    let what = || format!("fill the tmpfs for /{}", mount.target.to_string_lossy());
    copy_up::copy(source, made).map_err(|e| Error::step(what())(e))
}

/// The state that hooks read while the container is created.
pub(crate) fn hook_state(id: &str, spec: &Spec, bundle: &Path) -> State {
    State {
        oci_version: teu_oci::runtime::VERSION.into(),
        id: id.into(),
        status: Status::Creating,
        pid: 0,
        bundle: bundle.into(),
        annotations: spec.annotations.clone(),
    }
}

/// What a process in a user namespace cannot do for itself.
#[derive(Debug)]
pub(crate) struct Helped {
    /// Its namespace has no maps yet.
    maps: bool,
    privileged: Vec<Step>,
}

impl Helped {
    /// Does what takes privileges that the new process has just given up, and writes its id maps.
    fn help(&self, pid: i32, spec: &Spec) -> Result<(), Error> {
        for step in &self.privileged {
            let done = match step {
                Step::OomScore(score) => set_oom_score(pid, *score),
                Step::Rlimit(limit) => {
                    let new = rustix::process::Rlimit { current: limit.soft, maximum: limit.hard };
                    let pid = rustix::process::Pid::from_raw(pid);
                    rustix::process::prlimit(pid, limit.resource, new).map(|_| ()).map_err(io::Error::from)
                }
                _ => Ok(()),
            };
            done.map_err(Error::step(step.describe()))?;
        }
        if !self.maps {
            return Ok(());
        }
        let linux = spec.linux.as_ref().ok_or(Error::Died)?;
        idmap::write_maps(pid, &linux.uid_mappings, &linux.gid_mappings)
    }
}

fn set_oom_score(pid: i32, score: i32) -> io::Result<()> {
    match std::fs::write(format!("/proc/{pid}/oom_score_adj"), score.to_string()) {
        // What the caller may not do is not done.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other,
    }
}

fn run_hooks(worker: &Worker, spec: &Spec, state: &State) -> Result<(), Error> {
    let Some(hooks) = &spec.hooks else { return Ok(()) };
    let container = Place::Container { pid: worker.pid, pidfd: worker.pidfd.as_fd() };
    hooks::run("prestart", &hooks.prestart, state, Place::Runtime)?;
    hooks::run("createRuntime", &hooks.create_runtime, state, Place::Runtime)?;
    hooks::run("createContainer", &hooks.create_container, state, container)
}
