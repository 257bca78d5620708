use std::os::fd::{BorrowedFd, OwnedFd};

use teu_oci::runtime::{Process, Spec};

use teu_sys::cgroup::Cgroup;

use crate::{Error, Running, Stdio};

/// Everything that is needed to add a process to a running container.
#[derive(Debug)]
pub struct ExecRequest<'a> {
    /// The container's id.
    pub id: &'a str,
    /// Process id of the container's first process, seen from the caller.
    pub pid: i32,
    /// Descriptor of that process: the namespaces that are joined are its.
    pub pidfd: BorrowedFd<'a>,
    /// The container's configuration; says which namespaces it has, and its system call filter.
    pub spec: &'a Spec,
    /// The process to run.
    pub process: &'a Process,
    /// Standard input, output and error.
    pub stdio: Stdio,
    /// The container's cgroup. `None`: that of the caller.
    pub cgroup: Option<&'a Cgroup>,
    /// Descriptors that the process gets as 3, 4, ….
    pub preserve_fds: Vec<OwnedFd>,
    /// Stay in the caller's session keyring.
    pub no_new_keyring: bool,
}

impl ExecRequest<'_> {
    /// Runs the process, and returns once its program is executed or could not be.
    pub fn run(self) -> Result<Running, Error> {
        let _ = self;
        todo!()
    }
}
