//! Killing what is in a group, and removing it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::file::value_of;
use super::{Cgroup, Controller, Error, Result, file, freezer};

/// How long [`Cgroup::remove`] waits for processes to die.
const REMOVE_LIMIT: Duration = Duration::from_secs(2);

/// A group stays busy for a moment after its last process is gone, and the kernel announces the end of that nowhere.
const BUSY_STEP: Duration = Duration::from_millis(1);

impl Cgroup {
    /// Sends SIGKILL to every process of the group and of its children; also to frozen ones.
    ///
    /// # Errors
    /// If the list cannot be read. Processes that are gone already are no error.
    pub fn kill(&self) -> Result<()> {
        if self.kill_at_once() {
            // Those that the v1 freezer holds die once thawed.
            return if self.pids()?.is_empty() { Ok(()) } else { self.thaw() };
        }
        self.kill_each()
    }

    /// v2 since Linux 5.14, and hybrid: `cgroup.kill`, which no fork escapes.
    fn kill_at_once(&self) -> bool {
        let Some(index) = self.hierarchy.unified() else { return false };
        let dir = self.dir_at(index);
        file::write(&dir.file("cgroup.kill"), "1").is_ok()
    }

    /// Freezes, so that nothing forks, signals, and thaws, so that they die. What cannot be frozen is signalled all
    /// the same.
    fn kill_each(&self) -> Result<()> {
        let pids = self.pids()?;
        let frozen = pids.len() > 1 && self.freeze().is_ok();
        let pids = if frozen { self.pids()? } else { pids };
        for pid in pids.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        self.thaw()
    }

    /// Removes the group and its children in every hierarchy, killing what is in them. Removed already is no error.
    ///
    /// # Errors
    /// [`Error::Busy`] if processes do not die within two seconds.
    pub fn remove(&self) -> Result<()> {
        let deadline = Instant::now() + REMOVE_LIMIT;
        let mut killed = false;
        loop {
            let mut busy = false;
            for dir in &self.dirs {
                busy |= !remove_tree(dir)?;
            }
            if !busy {
                return Ok(());
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(Error::Busy { path: self.path.clone(), pids: self.pids()?.len() });
            };
            // Once at once; after that only those whom `cgroup.kill` missed are left.
            if killed {
                self.kill_each()?
            } else {
                self.kill()?
            }
            killed = true;
            self.wait_empty(left)?;
        }
    }

    /// Waits until no process is left, but not longer than `limit`.
    fn wait_empty(&self, limit: Duration) -> Result<()> {
        let pids = self.pids()?;
        if let Some(index) = self.hierarchy.unified()
            && self.hierarchy.locate(Controller::Freezer) == Some(index)
            && !pids.is_empty()
        {
            let empty = |events: &str| value_of(events, "populated") == Some(0);
            freezer::wait_for_event(&self.dirs[index], limit, empty)?;
            return Ok(());
        }
        let deadline = Instant::now() + limit;
        for pid in pids.iter().filter_map(|&pid| Pid::from_raw(pid)) {
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], timeout.as_ref());
        }
        if pids.is_empty() {
            std::thread::sleep(BUSY_STEP);
        }
        Ok(())
    }
}

/// Child groups of a group.
pub(super) fn children(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect()
}

/// Removes a group and its children. False if there are processes left.
fn remove_tree(dir: &Path) -> Result<bool> {
    match rustix::fs::rmdir(dir) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        Err(Errno::BUSY) => {}
        Err(errno) => return Err(Error::Path { action: "remove", path: dir.to_owned(), errno }),
    }
    let mut removed = true;
    for child in children(dir) {
        removed &= remove_tree(&child)?;
    }
    Ok(removed && matches!(rustix::fs::rmdir(dir), Ok(()) | Err(Errno::NOENT)))
}
