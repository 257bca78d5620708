//! Starting a container that has been created.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use teu_oci::runtime::{Hooks, Spec, State, Status};
use teu_sys::cgroup::{Cgroup, Hierarchy};

use crate::hooks::{self, Inside, Place};
use crate::{Created, Error, Launch, Running, create};

/// What the hooks around a start need.
#[derive(Debug)]
pub(crate) struct Hooked {
    pub(crate) id: String,
    pub(crate) spec: Spec,
    pub(crate) bundle: PathBuf,
    pub(crate) cgroup: Option<String>,
}

impl Hooked {
    pub(crate) fn new(launch: &Launch<'_>) -> Self {
        Hooked {
            id: launch.id.to_owned(),
            spec: launch.spec.clone(),
            bundle: launch.bundle.to_owned(),
            cgroup: launch.cgroup.map(|c| c.path().to_owned()),
        }
    }

    fn state(&self, status: Status, pid: i32) -> State {
        State { status, pid, ..create::hook_state(&self.id, &self.spec, &self.bundle) }
    }

    fn hooks(&self) -> &Hooks {
        const NONE: &Hooks = &Hooks {
            prestart: Vec::new(),
            create_runtime: Vec::new(),
            create_container: Vec::new(),
            start_container: Vec::new(),
            poststart: Vec::new(),
            poststop: Vec::new(),
        };
        self.spec.hooks.as_ref().unwrap_or(NONE)
    }

    /// Whether there are hooks that run inside of the container.
    pub(crate) fn enters_container(&self) -> bool {
        !self.hooks().start_container.is_empty()
    }

    /// Runs the `startContainer` hooks.
    pub(crate) fn before_start(&self, pid: i32, pidfd: BorrowedFd<'_>) -> Result<(), Error> {
        let hooks = self.hooks();
        if hooks.start_container.is_empty() {
            return Ok(());
        }
        let cgroup = match &self.cgroup {
            None => None,
            Some(path) => {
                let open = Hierarchy::detect().and_then(|h| Cgroup::open(&h, path));
                Some(open.map_err(|e| Error::Cgroup(Box::new(e)))?)
            }
        };
        let container = Inside { id: &self.id, pid, pidfd, spec: &self.spec, cgroup: cgroup.as_ref() };
        hooks::run_inside(&hooks.start_container, &self.state(Status::Created, pid), &container)
    }

    /// Runs the `poststart` hooks.
    pub(crate) fn after_start(&self, pid: i32) -> Result<(), Error> {
        hooks::run("poststart", &self.hooks().poststart, &self.state(Status::Running, pid), Place::Runtime)
    }

    /// Runs the `poststop` hooks: all of them, even if one fails.
    pub(crate) fn after_stop(&self) -> Vec<Error> {
        let state = self.state(Status::Stopped, 0);
        let hooks = &self.hooks().poststop;
        let run = |hook| hooks::run("poststop", std::slice::from_ref(hook), &state, Place::Runtime).err();
        hooks.iter().filter_map(run).collect()
    }
}

/// Starts a container.
pub(crate) fn start(created: Created) -> Result<Running, Error> {
    let Created { plan, mut worker, hooks } = created;
    let mut go = || -> Result<(), Error> {
        if let Some(hooks) = &hooks {
            hooks.before_start(worker.pid, worker.pidfd.as_fd())?;
        }
        if !worker.allowed {
            worker.go_on()?;
        }
        worker.executed(&plan)?;
        match &hooks {
            Some(hooks) => hooks.after_start(worker.pid),
            None => Ok(()),
        }
    };
    match go() {
        Ok(()) => Ok(worker.into()),
        Err(e) => {
            worker.kill();
            Err(e)
        }
    }
}

/// Runs the `poststop` hooks of a container that has been deleted: all of them, even if one fails. `bundle` is its bundle.
pub fn run_poststop_hooks(id: &str, spec: &Spec, bundle: &std::path::Path) -> Vec<Error> {
    let hooked = Hooked { id: id.into(), spec: spec.clone(), bundle: bundle.into(), cgroup: None };
    hooked.after_stop()
}
