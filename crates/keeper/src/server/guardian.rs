//! The keeper's parent: holds on to the exits and to the last output of its children when it is killed.
//!
//! Orphans go to the nearest ancestor that adopts them, and as a rule that is the machine's first process, which reaps at
//! once: how they ended is lost to a keeper that comes later, unless somebody holds their descriptors. The guardian
//! adopts them instead and does nothing. They stay zombies, of which the kernel tells how they ended, until the next keeper
//! has recorded that; their pipes stay until it has taken what is left in them, and lets them go. It ends with the last of them, or with its
//! keeper if there are none. Killed itself, it leaves things as they would be without it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat, openat};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, getppid, set_child_subreaper, waitid};
use teu_sys::process::{CloneFlags, Spawned, spawn};
use teu_sys::signal::SignalFd;
use teu_sys::{pidfd, pty};

use super::saved::Saved;
use super::ward::{self, Charges, Ward};
use super::{complain, saved, setup};

/// Its name (`comm`): its command line is the keeper's.
const NAME: &std::ffi::CStr = c"teu:guardian";
/// How long an exit is kept that a keeper does not ask for: of a process whose start was never recorded. Without a keeper, it
/// is kept for as long as it takes.
const LONGEST: Duration = Duration::from_secs(60);
/// How long it may take to hear what its keeper said last.
const LISTENING: Duration = Duration::from_secs(1);
/// How often it looks for such.
const LOOK: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Runs the keeper in a child. Without a guardian things go on as well, so that it never keeps one from running.
pub(super) fn over(exec_root: &Path, keeper: impl FnOnce(Option<Ward>) -> i32) -> i32 {
    let name = rustix::thread::name();
    let named = set_child_subreaper(Some(getpid())).and_then(|()| rustix::thread::set_name(NAME));
    let (mut ward, mut charges) = ward::pair().ok().unzip();
    let mut keeper = Some(keeper);
    let spawned = spawn(CloneFlags::empty(), None, || {
        drop(charges.take());
        // A name is for people.
        let _ = name.and_then(|name| rustix::thread::set_name(&name));
        keeper.take().map_or(1, |keeper| keeper(ward.take()))
    });
    drop((keeper, ward));
    let guarded = named
        .map_err(io::Error::from)
        .and(spawned)
        .and_then(|spawned| Guardian::new(exec_root, spawned, charges.ok_or(io::ErrorKind::BrokenPipe)?)?.run());
    match guarded {
        Ok(()) => 0,
        Err(error) => {
            complain(&format!("the keeper has no guardian: {error}"));
            1
        }
    }
}

/// Has a process reaped whose exit is on disk: as a zombie, it would keep the first process of its namespace from ending.
/// What is in its pipes is held on to. Returns its guardian, if it has one.
pub(super) fn reap(exec_root: &Path, pid: i32) -> Option<i32> {
    let guardian = saved::stat(pid)?.parent;
    tell(exec_root, guardian, -pid).then_some(guardian)
}

/// Lets a process go whose exit is on disk and whose output has been taken; without `guardian`, one that it has not reaped, or
/// that it has reaped for a keeper that is dead: which one that was, nobody knows any more.
pub(super) fn release(exec_root: &Path, guardian: Option<i32>, pid: i32) {
    let known = guardian.or_else(|| Some(saved::stat(pid)?.parent));
    for guardian in known.map_or_else(|| others(exec_root), |known| vec![known]) {
        tell(exec_root, guardian, pid);
    }
}

/// The guardians of earlier keepers. This one's own holds what was started since, perhaps by the same process id.
fn others(exec_root: &Path) -> Vec<i32> {
    let own = getppid().map(Pid::as_raw_pid);
    let all = fs::read_dir(exec_root.join("guardian")).into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    all.filter(|pid| Some(*pid) != own).collect()
}

/// The terminals of these processes, by name, as far as guardians of earlier keepers hold their masters and may be asked.
pub(super) fn terminals(exec_root: &Path, processes: &[Saved]) -> BTreeMap<String, OwnedFd> {
    let deadline = Instant::now() + LISTENING;
    let guardians: Vec<i32> = others(exec_root).into_iter().filter(|pid| is_guardian(*pid)).collect();
    let is_orphan = |saved: &&Saved| saved::stat(saved.pid).is_some_and(|stat| guardians.contains(&stat.parent));
    let names: Vec<&String> = processes.iter().filter(is_orphan).filter_map(|s| s.terminal_name.as_ref()).collect();
    loop {
        let found: io::Result<Vec<_>> = guardians.iter().map(|pid| held_by(*pid)).collect();
        let refused = found.as_ref().err().map(|error| complain(&format!("terminals are not given back: {error}")));
        let found: BTreeMap<String, OwnedFd> = found.into_iter().flatten().flatten().collect();
        if refused.is_some() || names.iter().all(|name| found.contains_key(*name)) || Instant::now() > deadline {
            return found;
        }
        // There is no event for what another process has received.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Its place may have been taken by another process.
fn is_guardian(pid: i32) -> bool {
    saved::name(pid).is_some_and(|name| name.as_bytes() == NAME.to_bytes())
}

/// The terminals whose masters a guardian holds.
fn held_by(guardian: i32) -> io::Result<Vec<(String, OwnedFd)>> {
    // It may end at any time.
    let Ok(pidfd) = pidfd::open(guardian) else { return Ok(Vec::new()) };
    let all = fs::read_dir(format!("/proc/{guardian}/fd")).into_iter().flatten().flatten();
    let masters = all.filter(|fd| fs::read_link(fd.path()).is_ok_and(|target| target.ends_with("ptmx")));
    let mut held = Vec::new();
    for number in masters.filter_map(|fd| fd.file_name().to_str()?.parse().ok()) {
        match pidfd::duplicate(pidfd.as_fd(), number) {
            Ok(fd) => held.extend(pty::name(fd.as_fd()).ok().map(|name| (name, fd))),
            Err(error)
                if [Errno::BADF, Errno::SRCH].map(|e| Some(e.raw_os_error())).contains(&error.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}

/// Tells a guardian the id of a process that may go; if it is negative, of one that is to be reaped.
fn tell(exec_root: &Path, guardian: i32, pid: i32) -> bool {
    let path = path(exec_root, guardian);
    match openat(CWD, &path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
        // Not taken, it goes by itself after a while.
        Ok(fifo) => rustix::io::write(fifo, &pid.to_ne_bytes()).is_ok(),
        Err(errno) => {
            // It was killed.
            if errno == Errno::NXIO {
                drop(fs::remove_file(path));
            }
            false
        }
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
    exec_root: PathBuf,
    signals: SignalFd,
    charges: Charges,
    /// Since when there are pipes of processes that are not among the orphans: they were reaped, and their output has not been
    /// taken yet.
    bereaved: Option<Instant>,
    /// The keeper's orphans, and since when they have been zombies. None while the keeper lives.
    orphans: Option<BTreeMap<i32, Option<Instant>>>,
}

impl Drop for Guardian {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Guardian {
    fn new(exec_root: &Path, keeper: Spawned, charges: Charges) -> io::Result<Guardian> {
        let path = path(exec_root, getpid().as_raw_nonzero().get());
        fs::create_dir_all(exec_root.join("guardian"))?;
        // Left by one with the same process id.
        drop(fs::remove_file(&path));
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
        let fifo = openat(CWD, &path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
        let (exec_root, signals) = (exec_root.to_owned(), SignalFd::all()?);
        Ok(Guardian { keeper, fifo, path, exec_root, signals, charges, bereaved: None, orphans: None })
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            while self.signals.next()?.is_some() {}
            self.charges.listen();
            self.look();
            self.let_go();
            self.look_after_pipes();
            if self.orphans.is_some() && self.bereaved.is_none() && children().is_empty() {
                return Ok(());
            }
            let zombies = self.orphans.iter().flatten().any(|(_, since)| since.is_some());
            let timeout = (zombies || self.bereaved.is_some()).then_some(LOOK);
            let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN), PollFd::new(&self.fifo, PollFlags::IN)];
            fds.extend(self.charges.socket().map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)));
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
            // All its children came here in the moment of its death. Those whose start is not on record are nobody's business:
            // as zombies, they would only keep the first process of their namespace from ending.
            let recorded = saved::recorded(&self.exec_root);
            let orphans = self::children().into_iter().filter(|pid| recorded.contains(pid));
            self.orphans = Some(orphans.map(|pid| (pid, None)).collect());
            let _ = pidfd::try_wait(self.keeper.pidfd.as_fd());
            // What it said last.
            self.charges.listen();
        }
        let (now, keeper) = (Instant::now(), self.keeper.pid);
        for pid in children.into_iter().filter(|pid| *pid != keeper) {
            match self.orphans.as_mut().and_then(|orphans| orphans.get_mut(&pid)) {
                None => drop(reap_child(pid)),
                Some(since) => {
                    if since.is_none() && has_ended(pid) {
                        *since = Some(now);
                    }
                    if since.as_mut().is_some_and(|since| is_overdue(since, &self.exec_root)) {
                        self.forget(pid);
                    }
                }
            }
        }
    }

    /// Lets go of pipes that are not asked for: a keeper that takes over opens those of all processes it knows.
    fn look_after_pipes(&mut self) {
        let Some(orphans) = &self.orphans else { return };
        let is_orphan = |pid| orphans.contains_key(&pid);
        if !self.charges.beside(is_orphan) {
            self.bereaved = None;
        } else if is_overdue(self.bereaved.get_or_insert_with(Instant::now), &self.exec_root) {
            self.charges.keep_only(is_orphan);
            self.bereaved = None;
        }
    }

    /// Reaps and lets go of those that a keeper has named.
    fn let_go(&mut self) {
        let mut pid = [0; 4];
        // Smaller than a pipe's buffer, a number is never read in part.
        while let Ok(4) = rustix::io::read(&self.fifo, &mut pid) {
            // Whoever says so has taken over: that the keeper is dead may be news.
            self.look();
            match i32::from_ne_bytes(pid) {
                pid if pid < 0 => self.reap_orphan(-pid),
                pid => self.forget(pid),
            }
        }
    }

    fn forget(&mut self, pid: i32) {
        self.reap_orphan(pid);
        self.charges.let_go(pid);
    }

    fn reap_orphan(&mut self, pid: i32) {
        if let Some(orphans) = &mut self.orphans {
            orphans.remove(&pid);
            reap_child(pid);
        }
    }
}

/// Whether a keeper has had the time to ask for what has been there `since`. Without a keeper, the time begins anew, unless
/// there is no exec root any more that one could serve.
fn is_overdue(since: &mut Instant, exec_root: &Path) -> bool {
    let overdue = since.elapsed() > LONGEST;
    if overdue && exec_root.exists() && !setup::is_served(exec_root) {
        *since = Instant::now();
        return false;
    }
    overdue
}

/// This process's children, by the kernel's list of its only thread.
fn children() -> Vec<i32> {
    let pid = getpid().as_raw_nonzero();
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Reaps a child if it has ended; one that has not yet is looked at when it does.
fn reap_child(pid: i32) -> bool {
    wait(pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
}

fn has_ended(pid: i32) -> bool {
    wait(pid, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
}

fn wait(pid: i32, options: WaitIdOptions) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))))
}
