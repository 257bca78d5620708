//! One group in every hierarchy.

use std::os::fd::{BorrowedFd, OwnedFd};

use super::{Hierarchy, OomWatch, PopulatedWatch, Resources, Result, Stats};

/// One group in every hierarchy. Holds paths and, on v2, a descriptor of the directory; dropping it removes nothing.
#[derive(Debug)]
pub struct Cgroup {}

impl Cgroup {
    /// Creates the group and its missing parents. An existing group without processes is taken over.
    ///
    /// `path` is absolute and relative to where the hierarchies are mounted: `/teu/<id>`. On v2 the controllers that
    /// the parents have are enabled for it.
    ///
    /// # Errors
    /// [`Error::InUse`](super::Error::InUse) if a group of this name has processes.
    pub fn create(_hierarchy: &Hierarchy, _path: &str) -> Result<Cgroup> {
        todo!()
    }

    /// Opens an existing group.
    ///
    /// # Errors
    /// [`Error::NotFound`](super::Error::NotFound) if no hierarchy has it.
    pub fn open(_hierarchy: &Hierarchy, _path: &str) -> Result<Cgroup> {
        todo!()
    }

    /// Opens the group that a process is in. On v2 this is where a process to be executed in a container must go if the
    /// container's init moved itself into a child of the container's group.
    ///
    /// # Errors
    /// As [`Cgroup::open`]; also if there is no such process.
    pub fn of_process(_hierarchy: &Hierarchy, _pid: i32) -> Result<Cgroup> {
        todo!()
    }

    /// The path given at creation.
    #[must_use]
    pub fn path(&self) -> &str {
        todo!()
    }

    /// v2: the directory, for `CLONE_INTO_CGROUP`. `None` on v1 and hybrid: use [`Cgroup::join_fds`].
    #[must_use]
    pub fn clone_fd(&self) -> Option<BorrowedFd<'_>> {
        todo!()
    }

    /// The files to which a new single-threaded process writes `"0"` to put itself into the group, one per hierarchy.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn join_fds(&self) -> Result<Vec<OwnedFd>> {
        todo!()
    }

    /// Moves a process into the group, from outside.
    ///
    /// # Errors
    /// If the kernel refuses, or there is no such process.
    pub fn attach(&self, _pid: i32) -> Result<()> {
        todo!()
    }

    /// Applies limits. Those that are `None` stay as they are.
    ///
    /// # Errors
    /// If a value is refused or a controller is missing; limits before it have been applied.
    pub fn apply(&self, _resources: &Resources) -> Result<()> {
        todo!()
    }

    /// Stops every task of the group and of its children, and waits until they are.
    ///
    /// # Errors
    /// [`Error::FreezeTimeout`](super::Error::FreezeTimeout); the group is thawed then.
    pub fn freeze(&self) -> Result<()> {
        todo!()
    }

    /// Lets a frozen group run again. No error if it was not frozen.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn thaw(&self) -> Result<()> {
        todo!()
    }

    /// Whether the group is frozen or about to be, as the kernel says.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn is_frozen(&self) -> Result<bool> {
        todo!()
    }

    /// Sends SIGKILL to every process of the group and of its children; also to frozen ones.
    ///
    /// # Errors
    /// If the list cannot be read. Processes that are gone already are no error.
    pub fn kill(&self) -> Result<()> {
        todo!()
    }

    /// Processes of the group and of its children, as ids in this pid namespace.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        todo!()
    }

    /// What the group has used.
    ///
    /// # Errors
    /// If a file cannot be read; files that this kernel does not have are no error.
    pub fn stats(&self) -> Result<Stats> {
        todo!()
    }

    /// How many processes the kernel killed for want of memory.
    ///
    /// # Errors
    /// If the count cannot be read.
    pub fn oom_kills(&self) -> Result<u64> {
        todo!()
    }

    /// Watches for the group running out of memory.
    ///
    /// # Errors
    /// If there is no memory controller or the kernel refuses.
    pub fn watch_oom(&self) -> Result<OomWatch> {
        todo!()
    }

    /// v2 and hybrid: watches for the group becoming empty. `None` on v1.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn watch_populated(&self) -> Result<Option<PopulatedWatch>> {
        todo!()
    }

    /// Removes the group and its children in every hierarchy, killing what is in them. Removed already is no error.
    ///
    /// # Errors
    /// [`Error::Busy`](super::Error::Busy) if processes do not die within two seconds.
    pub fn remove(&self) -> Result<()> {
        todo!()
    }
}
