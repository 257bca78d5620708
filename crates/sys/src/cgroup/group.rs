//! One group in every hierarchy: creation, opening, limits, statistics.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::file::Dir;
use super::hierarchy::{ControllerSet, parse_proc_cgroup};
use super::{Controller, Error, Hierarchy, Resources, Result, Stats, Version, file};
use super::{cpu, cpuset, devices, hugetlb, io, memory, pids, rdma, subtree};

/// How often a directory above may be removed by others before one is made in it.
const ATTEMPTS: u32 = 10;

/// One group in every hierarchy. Holds paths and, once asked for on v2, a descriptor of the directory; dropping it
/// removes nothing.
#[derive(Debug)]
pub struct Cgroup {
    pub(super) hierarchy: Hierarchy,
    pub(super) path: String,
    /// The group's directory in each mount, in the order of the hierarchy's mounts.
    pub(super) dirs: Vec<PathBuf>,
    fd: OnceLock<OwnedFd>,
    /// What [`Cgroup::prepare_join`] has opened.
    pub(super) joins: Mutex<Vec<OwnedFd>>,
}

impl Cgroup {
    /// Creates the group and its missing parents. An existing group without processes is taken over.
    ///
    /// `path` is absolute and relative to where the hierarchies are mounted: `/teu/<id>`. On v2 the controllers that
    /// the parents have are enabled for it; a controller that cannot be is an error only once a limit needs it.
    ///
    /// # Errors
    /// [`Error::InUse`] if a group of this name has processes.
    pub fn create(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup> {
        let group = Cgroup::new(hierarchy, path)?;
        if !group.make()? {
            if !group.pids()?.is_empty() {
                return Err(Error::InUse { path: group.path });
            }
            group.thaw()?;
        }
        group.enabled()
    }

    /// Creates a group that nobody else may have: what an earlier one of its name has left is killed and removed.
    ///
    /// Taken over, it would bring that one's limits and counters along, and since Linux 6.14 the kernel kills whatever is
    /// cloned into a group that was ever killed as a whole.
    ///
    /// # Errors
    /// [`Error::Busy`] if what is left does not die within two seconds.
    pub fn create_anew(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup> {
        let group = Cgroup::new(hierarchy, path)?;
        if !group.make()? {
            group.remove()?;
            group.make()?;
        }
        group.enabled()
    }

    /// Makes its directories. False if there was one already.
    fn make(&self) -> Result<bool> {
        let mut new = true;
        for (mount, dir) in self.hierarchy.mounts.iter().zip(&self.dirs) {
            new &= create_dir(&mount.path, dir)?;
            if mount.controllers.has(Controller::Cpuset) && !mount.v2 {
                cpuset::inherit(&mount.path, dir)?;
            }
        }
        Ok(new)
    }

    /// Enables what its parents have for it.
    fn enabled(self) -> Result<Cgroup> {
        if self.hierarchy.version() == Version::V2 {
            subtree::enable_usual(&self)?;
        }
        Ok(self)
    }

    /// Takes over a group that somebody else has made for us, processes included, and makes it in the hierarchies where it
    /// is missing.
    pub(super) fn adopt(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup> {
        let group = Cgroup::new(hierarchy, path)?;
        group.make()?;
        Ok(group)
    }

    /// Opens an existing group.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no hierarchy has it.
    pub fn open(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup> {
        let group = Cgroup::new(hierarchy, path)?;
        if group.dirs.iter().any(|dir| rustix::fs::access(dir, rustix::fs::Access::EXISTS).is_ok()) {
            return Ok(group);
        }
        Err(Error::NotFound { path: group.path })
    }

    /// Opens the group that a process is in. On v2 this is where a process to be executed in a container must go if the
    /// container's init moved itself into a child of the container's group.
    ///
    /// # Errors
    /// As [`Cgroup::open`]; also if there is no such process.
    pub fn of_process(hierarchy: &Hierarchy, pid: i32) -> Result<Cgroup> {
        let source = PathBuf::from(format!("/proc/{pid}/cgroup"));
        let text = file::read(&source).map_err(|errno| Error::Read { file: source, errno })?;
        let groups: Vec<(String, &str)> = parse_proc_cgroup(&text).collect();
        let place = |label: &str, root: &str| {
            let (_, path) = groups.iter().find(|(l, _)| l == label)?;
            if root == "/" { Some(*path) } else { path.strip_prefix(root) }
        };
        let mut main = None;
        let mut dirs = Vec::with_capacity(hierarchy.mounts.len());
        for mount in hierarchy.mounts.iter() {
            let path = place(&mount.label, &mount.root).unwrap_or("/");
            main = if mount.v2 || main.is_none() { Some(path) } else { main };
            dirs.push(mount.path.join(path.trim_start_matches('/')));
        }
        let path = main.unwrap_or("/").to_owned();
        Ok(Cgroup { hierarchy: hierarchy.clone(), path, dirs, fd: OnceLock::new(), joins: Mutex::default() })
    }

    fn new(hierarchy: &Hierarchy, path: &str) -> Result<Cgroup> {
        let path = checked_path(path)?;
        let dirs = hierarchy.mounts.iter().map(|m| m.path.join(&path[1..])).collect();
        Ok(Cgroup { hierarchy: hierarchy.clone(), path, dirs, fd: OnceLock::new(), joins: Mutex::default() })
    }

    /// What the machine has mounted.
    #[must_use]
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// The path given at creation, without superfluous slashes.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Each hierarchy's directory of the group, and whether it is that of v2.
    pub fn directories(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.dirs.iter().zip(self.hierarchy.mounts.iter()).map(|(dir, mount)| (dir.as_path(), mount.v2))
    }

    /// The directory in the unified hierarchy, for `CLONE_INTO_CGROUP`, on v2 and hybrid: a process cloned into it need not
    /// be moved, which waits for an RCU grace period (milliseconds on a busy machine). `None` on v1 and if the group is not
    /// there. Opened when first asked for and kept until the group is dropped or [`Cgroup::close_fd`] is called.
    #[must_use]
    pub fn clone_fd(&self) -> Option<BorrowedFd<'_>> {
        if self.fd.get().is_none() {
            let (dir, _) = self.directories().find(|(_, v2)| *v2)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(dir, flags, Mode::empty()).ok()?;
            let _ = self.fd.set(fd);
        }
        self.fd.get().map(AsFd::as_fd)
    }

    /// Closes the descriptor of [`Cgroup::clone_fd`]: a group that is kept for a container's life need not hold it.
    pub fn close_fd(&mut self) {
        self.fd.take();
    }

    /// Applies limits. Those that are `None` stay as they are.
    ///
    /// # Errors
    /// If a value is refused or a controller is missing; limits before it have been applied.
    pub fn apply(&self, resources: &Resources) -> Result<()> {
        devices::apply(self, resources.devices.as_deref())?;
        memory::apply(self, &resources.memory)?;
        cpu::apply(self, &resources.cpu)?;
        cpuset::apply(self, &resources.cpuset)?;
        pids::apply(self, resources.pids)?;
        io::apply(self, &resources.io)?;
        hugetlb::apply(self, &resources.hugetlb)?;
        rdma::apply(self, &resources.rdma)?;
        subtree::apply_unified(self, &resources.unified)
    }

    /// What the group has used.
    ///
    /// # Errors
    /// If a file cannot be read; files that this kernel does not have are no error.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats {
            cpu: cpu::stats(self)?,
            memory: memory::stats(self)?,
            pids: pids::stats(self)?,
            io: io::stats(self)?,
            hugetlb: hugetlb::stats(self)?,
        })
    }

    /// How many processes the kernel killed for want of memory, in the group and its children.
    ///
    /// # Errors
    /// If the count cannot be read.
    pub fn oom_kills(&self) -> Result<u64> {
        self.dir(Controller::Memory).map_or(Ok(0), memory::oom_kills)
    }

    /// The directory that has a controller's files. They may be missing on v2 if the controller is not enabled.
    pub(super) fn dir(&self, controller: Controller) -> Option<Dir<'_>> {
        self.hierarchy.locate(controller).map(|index| self.dir_at(index))
    }

    pub(super) fn dir_at(&self, index: usize) -> Dir<'_> {
        Dir { path: &self.dirs[index], v2: self.hierarchy.mounts[index].v2 }
    }

    /// The directory that has a controller's files, enabling it on v2 if need be.
    pub(super) fn require(&self, controller: Controller, what: &'static str) -> Result<Dir<'_>> {
        let missing = || Error::NoController { what, controller, path: self.path.clone() };
        let index = self.hierarchy.locate(controller).ok_or_else(missing)?;
        let dir = self.dir_at(index);
        if dir.v2 {
            let needed = ControllerSet::from_iter([controller]);
            if !subtree::enable(self, index, needed)?.has(controller) {
                return Err(missing());
            }
        }
        Ok(dir)
    }
}

/// Creates a directory with its parents below the mount. False if it exists.
fn create_dir(mount: &Path, dir: &Path) -> Result<bool> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match rustix::fs::mkdir(dir, Mode::from_raw_mode(0o755)) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => return Ok(false),
            // One above is missing, or was removed again by whoever was the last to have a group in it.
            Err(Errno::NOENT) if dir != mount && attempts > 0 => {
                if let Some(parent) = dir.parent() {
                    create_dir(mount, parent)?;
                }
            }
            Err(errno) => return Err(Error::Path { action: "create", path: dir.to_owned(), errno }),
        }
    }
}

/// Checks a path and drops superfluous slashes.
fn checked_path(path: &str) -> Result<String> {
    let invalid = |reason| Err(Error::InvalidPath { path: path.to_owned(), reason });
    if !path.starts_with('/') {
        return invalid("it is not absolute");
    }
    let mut clean = String::with_capacity(path.len());
    for part in path.split('/').filter(|part| !part.is_empty()) {
        match part {
            "." | ".." => return invalid("it has . or .. in it"),
            part if part.contains(['\0', '\n']) => return invalid("it has a control character in it"),
            part => clean.extend(["/", part]),
        }
    }
    if clean.is_empty() { invalid("it is the root, which has no limits") } else { Ok(clean) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked() {
        assert_eq!(checked_path("//teu///x/").unwrap(), "/teu/x");
        for bad in ["", "teu", "/", "/a/../b", "/a/./b", "/a\nb"] {
            assert!(matches!(checked_path(bad), Err(Error::InvalidPath { .. })), "{bad:?}");
        }
    }
}
