//! How processes come into being: behind a trait, since there are several runtimes.

mod native;
mod plain;

pub use native::Native;
pub use plain::Plain;

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use teu_oci::runtime::{Process, Spec};
use teu_sys::cgroup::Cgroup;

use crate::protocol::{Failure, FailureKind, WinSize};

/// What the keeper is called (`comm`) while it waits for hooks of a container: it is not to be taken for one that hangs.
pub(crate) const AT_HOOKS: &CStr = c"teu:hooks";

/// What starts containers and processes in them. Called from the keeper's only thread.
pub trait Launcher {
    /// Begins to set a container up; its program does not run yet.
    ///
    /// # Errors
    /// Nothing is left behind.
    fn create<'a>(&mut self, request: Create<'a>) -> Result<Box<dyn Prepared + 'a>, Failure>;

    /// Begins to set a process in a running container up; its program does not run yet.
    ///
    /// # Errors
    /// Nothing is left behind.
    fn exec<'a>(&mut self, request: Exec<'a>) -> Result<Box<dyn Prepared + 'a>, Failure>;

    /// Does what makes the next container faster. Called some time after one was started, when there is nothing else to do.
    fn rest(&mut self) {}
}

/// A process that sets itself up, and then waits. Dropping it undoes that.
pub trait Prepared {
    /// Its id.
    fn pid(&self) -> i32;

    /// Whether its program may be let run before it is set up, by [`Prepared::allow`].
    fn can_be_allowed(&self) -> bool {
        false
    }

    /// Lets the program run as soon as it is set up. [`Prepared::ready`] and [`Prepared::start`] are called all the same.
    ///
    /// # Errors
    /// That it cannot be told.
    fn allow(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Waits until it is set up.
    ///
    /// # Errors
    /// [`FailureKind::CommandNotFound`], [`FailureKind::CommandNotExecutable`] if it is the program's fault. Nothing is left
    /// behind.
    fn ready(&mut self) -> Result<(), Failure>;

    /// The controlling end of its terminal, if it has one, once it is set up.
    fn console(&self) -> Option<BorrowedFd<'_>>;

    /// Lets the program run.
    ///
    /// # Errors
    /// As [`Prepared::ready`]; nothing is left behind.
    fn start(self: Box<Self>) -> Result<Launched, Failure>;
}

/// A container to be set up.
pub struct Create<'a> {
    /// Its id.
    pub id: &'a str,
    /// Directory of the container's runtime files; `config.json` is there.
    pub bundle: &'a Path,
    /// Its configuration.
    pub spec: &'a Spec,
    /// Its standard streams.
    pub stdio: Stdio,
    /// Its cgroup, which exists, with limits applied.
    pub cgroup: Option<&'a Cgroup>,
    /// Its program begins with all signals blocked.
    pub hold_signals: bool,
    /// What else the daemon opened for it.
    pub passed: Passed,
}

/// A process to be run in a container.
pub struct Exec<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The container's configuration.
    pub spec: &'a Spec,
    /// Process id of its first process.
    pub init: i32,
    /// The same as a descriptor.
    pub init_pidfd: BorrowedFd<'a>,
    /// What to run.
    pub process: &'a Process,
    /// Its standard streams.
    pub stdio: Stdio,
    /// The container's cgroup.
    pub cgroup: Option<&'a Cgroup>,
}

/// Descriptors that came with a start request.
#[derive(Default)]
pub struct Passed {
    /// A detached mount that becomes the root file system.
    pub rootfs: Option<OwnedFd>,
    /// The network namespace to join.
    pub network: Option<OwnedFd>,
    /// The user namespace to join.
    pub user: Option<OwnedFd>,
    /// Detached mounts by destination.
    pub mounts: BTreeMap<PathBuf, OwnedFd>,
    /// Left open from 3 on.
    pub preserve: Vec<OwnedFd>,
}

/// Standard streams of a new process.
pub enum Stdio {
    /// Descriptors.
    Fds {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// A new terminal of this size.
    Terminal(WinSize),
}

/// A process that runs, a child of this process.
#[derive(Debug)]
pub struct Launched {
    /// Its id.
    pub pid: i32,
    /// Its descriptor.
    pub pidfd: OwnedFd,
    /// The controlling end of its terminal, if it has one.
    pub console: Option<OwnedFd>,
}

impl Failure {
    /// A failure of that kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }

    /// For `map_err`: what was tried, and what the kernel said.
    pub(crate) fn io<E: std::fmt::Display>(action: impl Into<String>) -> impl FnOnce(E) -> Failure {
        let action = action.into();
        move |error| Failure::new(FailureKind::Failed, format!("{action}: {error}"))
    }
}
