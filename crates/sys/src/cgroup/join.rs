//! Getting processes into a group, and finding those that are in it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::PoisonError;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Cgroup, Controller, Error, Result, file, kill};

impl Cgroup {
    /// The files to which a new single-threaded process writes `"0"` to put itself into the group, one per v1 hierarchy; none
    /// on v2. For the unified hierarchy there is [`Cgroup::clone_fd`].
    /// The permission to do so is that of whoever opened them.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn join_fds(&self) -> Result<Vec<OwnedFd>> {
        let ready = std::mem::take(&mut *self.joins.lock().unwrap_or_else(PoisonError::into_inner));
        if ready.is_empty() { self.open_joins() } else { Ok(ready) }
    }

    /// Opens what [`Cgroup::join_fds`] gives, ahead of time: on v1 that is a file in each hierarchy.
    ///
    /// # Errors
    /// As [`Cgroup::join_fds`].
    pub fn prepare_join(&mut self) -> Result<()> {
        let fds = self.open_joins()?;
        *self.joins.get_mut().unwrap_or_else(PoisonError::into_inner) = fds;
        Ok(())
    }

    fn open_joins(&self) -> Result<Vec<OwnedFd>> {
        let mut fds = Vec::with_capacity(self.dirs.len());
        for (dir, _) in self.directories().filter(|(_, v2)| !v2) {
            let path = dir.join("tasks");
            match rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
                Ok(fd) => fds.push(fd),
                // A group made by another runtime need not be in every hierarchy.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::Path { action: "open", path, errno }),
            }
        }
        if fds.is_empty() && self.clone_fd().is_none() {
            return Err(Error::NotFound { path: self.path.clone() });
        }
        Ok(fds)
    }

    /// Moves a process into the group, from outside.
    ///
    /// # Errors
    /// If the kernel refuses, or there is no such process.
    pub fn attach(&self, pid: i32) -> Result<()> {
        let value = pid.to_string();
        let mut joined = false;
        for (dir, _) in self.directories() {
            let procs = dir.join("cgroup.procs");
            match file::write(&procs, &value) {
                Ok(()) => joined = true,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(Error::Write { file: procs, value, errno }),
            }
        }
        if joined { Ok(()) } else { Err(Error::NotFound { path: self.path.clone() }) }
    }

    /// Processes of the group and of its children, as ids in this pid namespace, sorted. Empty if the group is gone.
    ///
    /// # Errors
    /// If a list cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        let mut list = Vec::new();
        if let Some(dir) = self.listing_dir() {
            collect_pids(dir, &mut list)?;
        }
        list.sort_unstable();
        list.dedup();
        Ok(list)
    }

    /// The hierarchy whose list of processes counts: the unified one is not always joined by other runtimes on hybrid
    /// machines, so there a controller's is asked.
    fn listing_dir(&self) -> Option<&Path> {
        let preferred = [Controller::Freezer, Controller::Pids, Controller::Memory, Controller::Devices];
        let by_controller = preferred.into_iter().filter_map(|c| self.hierarchy.locate(c));
        by_controller.chain(0..self.dirs.len()).map(|index| self.dirs[index].as_path()).find(|dir| dir.is_dir())
    }
}

/// Adds the processes of a group and of its children.
fn collect_pids(dir: &Path, list: &mut Vec<i32>) -> Result<()> {
    let procs = dir.join("cgroup.procs");
    match file::read(&procs) {
        Ok(text) => list.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|&pid| pid > 0)),
        // ENOENT, ENODEV: removed meanwhile. EOPNOTSUPP: a threaded group, whose processes its domain lists.
        Err(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => {}
        Err(errno) => return Err(Error::Read { file: procs, errno }),
    }
    kill::children(dir).iter().try_for_each(|child| collect_pids(child, list))
}
