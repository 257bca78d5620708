use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use teu_oci::runtime::{NamespaceKind, Spec, State};
use teu_sys::cgroup::Cgroup;

use crate::plan::{GateFiles, Plan};
use crate::spawn::Worker;
use crate::{CommonDirectories, Error, NewNetwork, create, exec, start};

/// Name (`comm`) of a container's first process that waits for its start.
pub const CREATED: &str = "teu:created";
/// Its name once whoever was to start it has died: see [`Launch::linger`].
pub const ABANDONED: &str = "teu:abandoned";

/// Everything that is needed to create a container.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The container's id; names the session keyring, and is shown to hooks.
    pub id: &'a str,
    /// The configuration.
    pub spec: &'a Spec,
    /// Directory that relative paths of the configuration start from.
    pub bundle: &'a Path,
    /// The root file system; takes the place of `spec.root.path`.
    pub rootfs: Rootfs,
    /// Detached mounts (from `open_tree` or `fsmount`) by destination, for bind mounts whose source the caller has opened, and
    /// contexts of file systems ([`teu_sys::mount::new_context`]), for those it has made. Others are opened from `source`, or made.
    pub mount_sources: BTreeMap<PathBuf, OwnedFd>,
    /// Namespaces to join, whatever the configuration says about those kinds.
    pub namespaces: Vec<(NamespaceKind, OwnedFd)>,
    /// The new network namespace that the configuration asks for, if somebody makes it already.
    pub network: Option<NewNetwork>,
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
    /// Directories that the container may have in common with others.
    pub common: Option<Arc<CommonDirectories>>,
    /// Change the root by moving the mount and `chroot`, for hosts whose root is an initramfs.
    pub no_pivot: bool,
    /// Stay in the caller's session keyring.
    pub no_new_keyring: bool,
    /// If the caller dies before the start, the container's first process does not exit at once, which would look like an
    /// exit of its program: for some seconds it is a process of the name [`ABANDONED`], for the caller's successor to end.
    pub linger: bool,
    /// The program begins with all signals blocked: it is an init that takes them by itself, and none is to be lost before
    /// it does. Nothing else expects that.
    pub hold_signals: bool,
}

impl<'a> Launch<'a> {
    /// A launch with the caller's standard streams and nothing beyond the configuration.
    pub fn new(id: &'a str, spec: &'a Spec, bundle: &'a Path, rootfs: Rootfs) -> Self {
        Launch {
            id,
            spec,
            bundle,
            rootfs,
            mount_sources: BTreeMap::new(),
            namespaces: Vec::new(),
            network: None,
            stdio: Stdio::Inherit,
            cgroup: None,
            preserve_fds: Vec::new(),
            inherit_fds: 0,
            filter_cache: None,
            common: None,
            no_pivot: false,
            no_new_keyring: false,
            linger: false,
            hold_signals: false,
        }
    }

    /// Sets the container up. Its first process waits just before `execve`.
    ///
    /// # Errors
    /// [`Error::InvalidSpec`] before anything is made; else the step that failed. Nothing is left behind but mount points in
    /// the root file system.
    pub fn create(self) -> Result<Created, Error> {
        self.begin()?.ready()
    }

    /// Begins to set the container up: its first process is there and at work.
    ///
    /// # Errors
    /// As [`Launch::create`].
    pub fn begin(self) -> Result<Begun<'a>, Error> {
        create::begin(self, None)
    }

    /// As [`Launch::create`], but the start comes through files, from another process.
    pub(crate) fn create_gated(self, gate: GateFiles) -> Result<Created, Error> {
        create::begin(self, Some(gate))?.ready()
    }

    /// The root's path, absolute.
    pub(crate) fn rootfs_path(&self) -> Option<PathBuf> {
        match &self.rootfs {
            Rootfs::Path(path) => Some(self.bundle.join(path)),
            Rootfs::Mount(_) => None,
        }
    }
}

/// A container's root file system.
#[derive(Debug)]
pub enum Rootfs {
    /// A directory.
    Path(PathBuf),
    /// A detached mount, such as an overlay from `fsmount`.
    Mount(OwnedFd),
}

/// What a process has as standard input, output and error.
#[derive(Debug)]
pub enum Stdio {
    /// The caller's.
    Inherit,
    /// Given descriptors.
    Fds {
        /// Standard input.
        stdin: OwnedFd,
        /// Standard output.
        stdout: OwnedFd,
        /// Standard error.
        stderr: OwnedFd,
    },
    /// A terminal, opened in the container's own `devpts`; its master comes back from `take_console`.
    Terminal {
        /// Initial size.
        size: Option<WindowSize>,
    },
}

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Rows.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
}

/// A process that sets itself up. Meanwhile its parent can do something else. Dropping it ends that process.
#[derive(Debug)]
pub struct Begun<'a> {
    pub(crate) plan: Plan,
    pub(crate) worker: Worker,
    pub(crate) spec: &'a Spec,
    /// What hooks and the listener of a system call filter read.
    pub(crate) state: State,
    pub(crate) needs: Needs,
}

/// What a process asks of its parent while it sets itself up.
#[derive(Debug)]
pub(crate) enum Needs {
    /// The first process of a container.
    Container { helped: create::Helped, hooks: Option<Box<start::Hooked>> },
    /// A further one: nothing beyond handing its listener over.
    Exec,
}

impl Begun<'_> {
    /// Process id, seen from the caller.
    pub fn pid(&self) -> i32 {
        self.worker.pid
    }

    /// Ends the process and reaps it.
    pub fn kill(self) {
        self.worker.kill();
    }

    /// Whether [`Begun::allow_start`] has an effect: not where the process has other things to ask, whose answers it would be
    /// taken for, or hooks come first.
    pub fn may_start_early(&self) -> bool {
        let hooked = matches!(&self.needs, Needs::Container { hooks: Some(_), .. });
        !(hooked || self.plan.asks() || self.plan.gate.is_some())
    }

    /// Lets the process execute its program as soon as it is ready: no word between the two is waited for. Where that
    /// cannot be, nothing changes, and [`Created::start`] does it. That is called in any case.
    ///
    /// # Errors
    /// If the process cannot be told.
    pub fn allow_start(&mut self) -> Result<(), Error> {
        if !self.may_start_early() {
            return Ok(());
        }
        self.worker.go_on()?;
        self.worker.allowed = true;
        Ok(())
    }

    /// Does what the process asks for, until it waits just before `execve`.
    ///
    /// # Errors
    /// The step that failed. The process has ended then.
    pub fn ready(mut self) -> Result<Created, Error> {
        match std::mem::replace(&mut self.needs, Needs::Exec) {
            Needs::Container { helped, hooks } => create::finish(self, &helped, hooks),
            Needs::Exec => exec::finish(self, true),
        }
    }
}

/// A container whose first process is set up and waits just before `execve`. Dropping it ends that process, unless it was
/// created with files for the start.
#[derive(Debug)]
pub struct Created {
    pub(crate) plan: Plan,
    pub(crate) worker: Worker,
    /// What runs around the start, if anything does.
    pub(crate) hooks: Option<Box<start::Hooked>>,
}

impl Created {
    /// Process id of the first process, seen from the caller.
    pub fn pid(&self) -> i32 {
        self.worker.pid
    }

    /// Descriptor of the first process.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.worker.pidfd.as_fd()
    }

    /// The terminal's master, where a terminal was asked for.
    pub fn console(&self) -> Option<BorrowedFd<'_>> {
        self.worker.console.as_ref().map(AsFd::as_fd)
    }

    /// The same, once.
    pub fn take_console(&mut self) -> Option<OwnedFd> {
        self.worker.console.take()
    }

    /// Ends the process and reaps it.
    pub fn kill(self) {
        self.worker.kill();
    }

    /// Executes the user's program, and returns once that has succeeded or failed.
    ///
    /// # Errors
    /// [`Error::ExecNotFound`] and [`Error::ExecFailed`] if the program could not be executed, [`Error::Hook`] if a
    /// `startContainer` hook failed. The process has ended then.
    pub fn start(self) -> Result<Running, Error> {
        start::start(self)
    }
}

/// A process that runs in a container. It is a child of the caller, who reaps it.
#[derive(Debug)]
pub struct Running {
    pub(crate) pid: i32,
    pub(crate) pidfd: OwnedFd,
    pub(crate) console: Option<OwnedFd>,
}

impl Running {
    /// Process id, seen from the caller.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Descriptor of the process.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Descriptor of the process, for keeping.
    pub fn into_pidfd(self) -> OwnedFd {
        self.pidfd
    }

    /// The terminal's master, once, where a terminal was asked for.
    pub fn take_console(&mut self) -> Option<OwnedFd> {
        self.console.take()
    }
}

impl From<Worker> for Running {
    fn from(worker: Worker) -> Self {
        Running { pid: worker.pid, pidfd: worker.pidfd, console: worker.console }
    }
}
