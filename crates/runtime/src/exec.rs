use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use teu_oci::runtime::{Process, Spec, State};
use teu_sys::cgroup::Cgroup;

use crate::channel::Kind;
use crate::launch::{Begun, Needs};
use crate::plan::Plan;
use crate::plan::exec::{ExecPlan, compile};
use crate::spawn::{self, How, Worker};
use crate::{Created, Error, Running, Stdio, create, listener};

/// Everything that is needed to add a process to a running container.
#[derive(Debug)]
pub struct ExecRequest<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Process id of the container's first process, seen from the caller.
    pub pid: i32,
    /// Descriptor of that process: the namespaces that are joined are its.
    pub pidfd: BorrowedFd<'a>,
    /// The container's configuration; says what system call filter it has.
    pub spec: &'a Spec,
    /// The process to run.
    pub process: &'a Process,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// The container's cgroup. `None`: that of the caller.
    pub cgroup: Option<&'a Cgroup>,
    /// Descriptors that the process gets as 3, 4, ….
    pub preserve_fds: Vec<OwnedFd>,
    /// How many of the caller's own inheritable descriptors, from 3 on, the process keeps.
    pub inherit_fds: u16,
    /// Directory in which compiled system call filters are kept, for callers too short-lived for a cache in memory.
    pub filter_cache: Option<&'a Path>,
    /// Stay in the caller's session keyring.
    pub no_new_keyring: bool,
    /// The container was created with `no_pivot`: its root is not that of its mount namespace.
    pub chroot: bool,
    /// Path of the program, where that is not the first argument.
    pub program: Option<&'a Path>,
    /// See [`Launch::linger`](crate::Launch::linger); for [`ExecRequest::prepare`].
    pub linger: bool,
}

impl<'a> ExecRequest<'a> {
    /// A request with the caller's standard streams and nothing beyond the process.
    pub fn new(id: &'a str, pid: i32, pidfd: BorrowedFd<'a>, spec: &'a Spec, process: &'a Process) -> Self {
        ExecRequest {
            id,
            pid,
            pidfd,
            spec,
            process,
            stdio: Stdio::Inherit,
            cgroup: None,
            preserve_fds: Vec::new(),
            inherit_fds: 0,
            filter_cache: None,
            no_new_keyring: false,
            chroot: false,
            program: None,
            linger: false,
        }
    }

    /// Runs the process, and returns once its program is executed or could not be.
    ///
    /// # Errors
    /// [`Error::ExecNotFound`] and [`Error::ExecFailed`] if the program could not be executed; else the step that failed.
    pub fn run(self) -> Result<Running, Error> {
        Ok(finish(self.launch(false)?, false)?.worker.into())
    }

    /// Sets the process up. It waits just before `execve`.
    ///
    /// # Errors
    /// As [`ExecRequest::run`]. Nothing is left behind.
    pub fn prepare(self) -> Result<Created, Error> {
        self.begin()?.ready()
    }

    /// Begins to set the process up: it is there and at work.
    ///
    /// # Errors
    /// As [`ExecRequest::prepare`].
    pub fn begin(self) -> Result<Begun<'a>, Error> {
        self.launch(true)
    }

    fn launch(self, gate: bool) -> Result<Begun<'a>, Error> {
        let (id, spec, pidfd) = (self.id, self.spec, self.pidfd);
        let cgroup = self.cgroup.and_then(Cgroup::clone_fd);
        let ExecPlan { plan, joins_pid } = compile(self, gate)?;
        let how = How { cgroup, pid_namespace_of: joins_pid.then_some(pidfd), ..How::default() };
        let worker = spawn::start(&plan, &how)?;
        let state = create::hook_state(id, spec, Path::new(""));
        Ok(Begun { plan, worker, spec, state, needs: Needs::Exec })
    }
}

/// Waits until the process is ready, or, without a gate, until the program is executed.
pub(crate) fn finish(begun: Begun<'_>, gate: bool) -> Result<Created, Error> {
    let Begun { plan, mut worker, spec, state, .. } = begun;
    match converse(&mut worker, &plan, spec, &state, gate) {
        Ok(()) => Ok(Created { plan, worker, hooks: None }),
        Err(e) => {
            worker.kill();
            Err(e)
        }
    }
}

fn converse(worker: &mut Worker, plan: &Plan, spec: &Spec, state: &State, gate: bool) -> Result<(), Error> {
    use std::os::fd::AsFd;
    loop {
        let message = match worker.next(plan) {
            // Its end is closed by `execve`.
            Err(Error::Died) if !gate => return Ok(()),
            other => other?,
        };
        if message.kind == Kind::Ready {
            return Ok(());
        }
        let seccomp = spec.linux.as_ref().and_then(|l| l.seccomp.as_ref());
        if let (Kind::Listener, Some(seccomp), Some(fd)) = (message.kind, seccomp, message.fd) {
            listener::hand_over(seccomp, fd.as_fd(), state, worker.pid)?;
        }
    }
}
