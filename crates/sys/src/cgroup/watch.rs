//! Notifications as descriptors to poll.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::inotify;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::file::{Dir, value_of};
use super::{Cgroup, Controller, Error, Result, file, memory};

/// Becomes readable when the group runs out of memory.
#[derive(Debug)]
pub struct OomWatch {
    fd: OwnedFd,
    dir: PathBuf,
    v2: bool,
    kills: u64,
}

/// v2: becomes readable when the last process of the group is gone, or a first one came.
#[derive(Debug)]
pub struct PopulatedWatch {
    fd: OwnedFd,
    events: PathBuf,
}

impl Cgroup {
    /// Watches for the group running out of memory.
    ///
    /// # Errors
    /// If there is no memory controller or the kernel refuses.
    pub fn watch_oom(&self) -> Result<OomWatch> {
        let dir = self.require(Controller::Memory, "memory")?;
        let fd = if dir.v2 { watch_file(&dir.file("memory.events"))? } else { register_eventfd(dir)? };
        Ok(OomWatch { fd, dir: dir.path.to_owned(), v2: dir.v2, kills: memory::oom_kills(dir)? })
    }

    /// v2 and hybrid: watches for the group becoming empty. `None` on v1.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn watch_populated(&self) -> Result<Option<PopulatedWatch>> {
        let Some(index) = self.hierarchy.unified() else { return Ok(None) };
        let events = self.dirs[index].join("cgroup.events");
        Ok(Some(PopulatedWatch { fd: watch_file(&events)?, events }))
    }
}

impl OomWatch {
    /// Counts what was killed before it was made, too.
    #[must_use]
    pub fn from_the_start(self) -> Self {
        Self { kills: 0, ..self }
    }

    /// The pauses before further looks when a signal came and nothing is to be taken. v1: the descriptor becomes readable
    /// shortly before the kernel kills and counts (`mem_cgroup_oom` in `mm/memcontrol-v1.c`), and not again after; half a second
    /// in all. v2 signals what is counted: none.
    pub fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let looks = if self.v2 { 0 } else { 9 };
        (0..looks).map(|look| Duration::from_millis(1 << look))
    }

    /// Takes what was signalled, without blocking. True if the kernel killed a process since the last call; the
    /// descriptor also becomes readable for lesser events, and on v1 when the group is removed.
    pub fn take(&mut self) -> bool {
        drain(self.fd.as_fd());
        let kills = memory::oom_kills(Dir { path: &self.dir, v2: self.v2 }).unwrap_or(self.kills);
        std::mem::replace(&mut self.kills, kills) < kills
    }
}

impl PopulatedWatch {
    /// Takes what was signalled, without blocking. Whether the group has processes now.
    pub fn take(&mut self) -> bool {
        drain(self.fd.as_fd());
        file::read(&self.events).is_ok_and(|text| value_of(&text, "populated") == Some(1))
    }
}

impl AsFd for OomWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsFd for PopulatedWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// v1: an eventfd that the kernel signals through `cgroup.event_control`.
fn register_eventfd(dir: Dir<'_>) -> Result<OwnedFd> {
    let watched = dir.file("memory.oom_control");
    let failed = |errno| Error::Path { action: "watch", path: watched.clone(), errno };
    let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
    let control = rustix::fs::open(&watched, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    dir.write("cgroup.event_control", &format!("{} {}", event.as_raw_fd(), control.as_raw_fd()))?;
    Ok(event)
}

/// v2: the kernel reports changes of its event files as modifications.
fn watch_file(path: &Path) -> Result<OwnedFd> {
    let failed = |errno| Error::Path { action: "watch", path: path.to_owned(), errno };
    let fd = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).map_err(failed)?;
    inotify::add_watch(&fd, path, inotify::WatchFlags::MODIFY).map_err(failed)?;
    Ok(fd)
}

/// Reads until nothing is left.
fn drain(fd: BorrowedFd<'_>) {
    let mut buffer = [0u8; 512];
    loop {
        match rustix::io::read(fd, &mut buffer) {
            Ok(n) if n == buffer.len() => {}
            Err(Errno::INTR) => {}
            _ => return,
        }
    }
}
