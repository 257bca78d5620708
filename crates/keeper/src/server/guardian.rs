//! The keeper's parent: holds on to the exits of its children when it is killed.
//!
//! Orphans go to the nearest ancestor that adopts them, and as a rule that is the machine's first process, which reaps at
//! once: how they ended is lost to a keeper that comes later, unless somebody holds their descriptors. The guardian
//! adopts them instead and does nothing. They stay zombies, of which the kernel tells how they ended, until the next keeper
//! has recorded that and lets them go. It ends with the last of them, or with its keeper if there are none. Killed
//! itself, it leaves things as they would be without it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat, openat};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use teu_sys::pidfd;
use teu_sys::process::{CloneFlags, Spawned, spawn};
use teu_sys::signal::SignalFd;

use super::{complain, saved};

/// Its name (`comm`): its command line is the keeper's.
const NAME: &std::ffi::CStr = c"teu:guardian";
/// How long an exit is kept that no keeper asks for: of a process whose start was never recorded.
const LONGEST: Duration = Duration::from_secs(60);
/// How often it looks for such.
const LOOK: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Runs the keeper in a child. Without a guardian things go on as well, so that it never keeps one from running.
pub(super) fn over(exec_root: &Path, keeper: impl FnOnce() -> i32) -> i32 {
    let name = rustix::thread::name();
    let named = set_child_subreaper(Some(getpid())).and_then(|()| rustix::thread::set_name(NAME));
    let mut keeper = Some(keeper);
    let spawned = spawn(CloneFlags::empty(), None, || {
        // A name is for people.
        let _ = name.and_then(|name| rustix::thread::set_name(&name));
        keeper.take().map_or(1, |keeper| keeper())
    });
    drop(keeper);
    let guarded =
        named.map_err(io::Error::from).and(spawned).and_then(|spawned| Guardian::new(exec_root, spawned)?.run());
    match guarded {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("the keeper has no guardian: {error}"));
            1
        }
    }
}

/// Lets a process go whose exit is on disk.
pub(super) fn release(exec_root: &Path, pid: i32) {
    let Some(parent) = saved::stat(pid).map(|stat| stat.parent) else { return };
    let path = path(exec_root, parent);
    match openat(CWD, &path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        // Not taken, it goes by itself after a while.
        Ok(fifo) => drop(rustix::io::write(fifo, &pid.to_ne_bytes())),
        // It was killed.
        Err(Errno::NXIO) => drop(fs::remove_file(path)),
        Err(_) => {}
    }
}

fn path(exec_root: &Path, guardian: i32) -> PathBuf {
    exec_root.join("guardian").join(guardian.to_string())
}

struct Guardian {
    keeper: Spawned,
    /// Where process ids of those come who may go.
    fifo: OwnedFd,
    path: PathBuf,
    signals: SignalFd,
    /// The keeper's orphans, and since when they have been zombies. None while the keeper lives.
    orphans: Option<BTreeMap<i32, Option<Instant>>>,
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Guardian {
    fn new(exec_root: &Path, keeper: Spawned) -> io::Result<Guardian> {
        let path = path(exec_root, getpid().as_raw_nonzero().get());
        fs::create_dir_all(exec_root.join("guardian"))?;
        // Left by one with the same process id.
        drop(fs::remove_file(&path));
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
        let fifo = openat(CWD, &path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Guardian { keeper, fifo, path, signals: SignalFd::all()?, orphans: None })
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            while self.signals.next()?.is_some() {}
            self.look();
            self.let_go();
            if self.orphans.is_some() && children().is_empty() {
                return Ok(());
            }
            let zombies = self.orphans.iter().flatten().any(|(_, since)| since.is_some());
            let timeout = zombies.then_some(LOOK);
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN), PollFd::new(&self.fifo, PollFlags::IN)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Reaps what is nobody's business, and notes since when the others have ended.
    fn look(&mut self) {
        // First: children that have ended before this may be strays, which came here past a keeper that lives.
        let children = children();
        if self.orphans.is_none() && matches!(pidfd::peek(self.keeper.pidfd.as_fd()), Ok(Some(_))) {
            // All its children came here in the moment of its death.
            let own = self.keeper.pid;
            self.orphans =
                Some(self::children().into_iter().filter(|pid| *pid != own).map(|pid| (pid, None)).collect());
            let _ = pidfd::try_wait(self.keeper.pidfd.as_fd());
        }
        let (now, keeper) = (Instant::now(), self.keeper.pid);
        for pid in children.into_iter().filter(|pid| *pid != keeper) {
            match self.orphans.as_mut().and_then(|orphans| orphans.get_mut(&pid)) {
                None => drop(reap(pid)),
                Some(since) => {
                    if since.is_none() && has_ended(pid) {
                        *since = Some(now);
                    }
                    if since.is_some_and(|since| now.duration_since(since) > LONGEST) {
                        self.forget(pid);
                    }
                }
            }
        }
    }

    /// Lets go of those that a keeper has named.
    fn let_go(&mut self) {
        let mut pid = [0; 4];
        // Smaller than a pipe's buffer, a number is never read in part.
        while let Ok(4) = rustix::io::read(&self.fifo, &mut pid) {
            self.forget(i32::from_ne_bytes(pid));
        }
    }

    fn forget(&mut self, pid: i32) {
        if let Some(orphans) = &mut self.orphans {
            orphans.remove(&pid);
            reap(pid);
        }
    }
}

/// This process's children, by the kernel's list of its only thread.
fn children() -> Vec<i32> {
    let pid = getpid().as_raw_nonzero();
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Reaps a child if it has ended; one that has not yet is looked at when it does.
fn reap(pid: i32) -> bool {
    wait(pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

fn has_ended(pid: i32) -> bool {
    wait(pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
}

fn wait(pid: i32, options: WaitIdOptions) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))))
}
