//! Taking over from a keeper that was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use teu_runtime::{ABANDONED, CREATED};
use teu_sys::pidfd;

use super::config;
use super::saved::{self, RUNTIME, STATE, Saved};
use super::stdio;
use super::task::{Console, Life, Task};
use super::{Server, complain, guardian};
use crate::log::Stream;
use crate::protocol::Failure;

/// How long a process between its creation and its program may take to decide.
const UNDECIDED: Duration = Duration::from_secs(1);

/// How long a keeper that is being killed may take from the end of its lock to its own.
const ENDING: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

impl Server {
    /// Reads what the keeper before left on disk and goes on with it.
    pub(super) fn recover(&mut self) {
        let all: Vec<Saved> = saved::all(&self.root).collect();
        wait_for_guardian(&all);
        let mut terminals = guardian::terminals(&self.root, &all);
        for dir in saved::ended_before(&self.root) {
            self.remove_ended(&dir);
        }
        for dir in saved::subdirectories(&self.root.join("containers")) {
            self.recover_one(&dir, &mut terminals);
            for exec in saved::subdirectories(&dir.join("exec")) {
                self.recover_one(&exec, &mut terminals);
            }
        }
        let used = self.tasks.iter().filter_map(|task| task.saved.filter.as_deref()).collect();
        config::sweep(&self.root, &used);
    }

    /// Removes the cgroup of a container that the keeper before has forgotten, and then what told of it.
    fn remove_ended(&mut self, dir: &Path) {
        match saved::read::<Saved>(dir, STATE) {
            Ok(Some(saved)) => self.cgroups.remove(&saved.cgroup_path),
            Ok(None) => {}
            Err(error) => complain(&format!("reading {}/{STATE}: {error}", dir.display())),
        }
        // What cannot be removed is removed by the next keeper.
        let _ = fs::remove_dir_all(dir);
    }

    fn recover_one(&mut self, dir: &Path, terminals: &mut BTreeMap<String, OwnedFd>) {
        match saved::read::<Saved>(dir, STATE) {
            Ok(Some(saved)) => {
                if let Err(error) = self.resume(dir, saved, terminals) {
                    complain(&format!("taking over {}: {error}", dir.display()));
                }
            }
            // The start was cut before the program ran: its first process ended with the keeper.
            Ok(None) => self.undo_start(dir),
            Err(error) => complain(&format!("reading {}/{STATE}: {error}", dir.display())),
        }
    }

    fn resume(&mut self, dir: &Path, saved: Saved, terminals: &mut BTreeMap<String, OwnedFd>) -> io::Result<()> {
        let process = saved.process.clone();
        let terminal = saved.terminal_name.as_ref().and_then(|name| terminals.remove(name));
        let mut task = Task::recovered(&self.root, saved);
        task.set_pidfd(open_same(task.saved.pid, task.saved.ticks)?);
        if let Some(pidfd) = &task.pidfd
            && was_abandoned(task.saved.pid)
        {
            // It may have ended by itself.
            let _ = pidfd::send_signal(pidfd.as_fd(), rustix::process::Signal::KILL.as_raw());
            guardian::release(&self.root, None, task.saved.pid);
            self.undo_start(dir);
            self.cgroups.kill(&task.saved.cgroup_path);
            self.cgroups.remove(&task.saved.cgroup_path);
            return Ok(());
        }
        if let Some(record) = saved::exit_record(dir)? {
            if task.pidfd.take().is_some() {
                task.guardian = guardian::reap(&self.root, task.saved.pid);
            }
            task.life = Life::Exited(record);
        } else if task.pidfd.is_none() {
            task.life = Life::Orphaned;
        }
        if task.saved.terminal {
            task.console = terminal.and_then(|master| Console::new(master).ok());
            // A daemon may have held it.
            task.awaits_terminal = task.console.is_none();
            task.set_output(Stream::Stdout, stdio::reopen_terminal_output(dir)?);
        } else {
            for stream in Stream::BOTH {
                if let Some(fifo) = stdio::reopen_output(dir, stream)? {
                    task.set_output(stream, fifo);
                }
            }
        }
        if task.saved.open_stdin && task.life == Life::Running {
            task.set_stdin(stdio::reopen_input(dir)?);
        }
        // Output that nothing keeps waits: those who got it are about to come back.
        task.returning = task.log.is_none() && task.life == Life::Running;
        task.hold |= task.returning;
        let (returning, awaits_terminal) = (task.returning, task.awaits_terminal);
        let exited = matches!(task.life, Life::Exited(_));
        let key = self.insert(process, task)?;
        if returning {
            self.stalled.insert(key);
        }
        if exited && !awaits_terminal {
            // Whatever of this the keeper before has done.
            self.after_exit(key);
        } else {
            self.log_what_was_taken(key);
        }
        Ok(())
    }

    /// Removes what is left of a start; a container of another runtime may be left too.
    fn undo_start(&mut self, dir: &Path) {
        if let (Ok(Some(runtime)), Some(id)) = (saved::read(dir, RUNTIME), dir.file_name()) {
            self.forget_external(runtime, &id.to_string_lossy());
        }
        // What cannot be removed is removed by the next start of the same id.
        let _ = fs::remove_dir_all(dir);
    }

    /// A terminal that no guardian held can only come from a daemon that did.
    pub(super) fn adopt_terminal(&mut self, key: u32, master: OwnedFd) -> Result<(), Failure> {
        let Some(task) = self.tasks.get_mut(key) else { return Ok(()) };
        if task.console.is_none() && task.awaits_terminal {
            let console = Console::new(master).map_err(Failure::io("taking a terminal over"))?;
            if let Some(size) = task.size.take() {
                // It was answered already.
                let _ = console.resize(size);
            }
            task.console = Some(console);
            self.settle(key);
        }
        Ok(())
    }
}

/// Waits until these processes have come to the guardian of a keeper that is being killed. Its lock is free a moment before that,
/// and until then nobody can be told to reap them: a process that stays a zombie keeps the first one of its namespace from ending.
fn wait_for_guardian(processes: &[Saved]) {
    let parents: BTreeSet<i32> = processes.iter().filter_map(|saved| Some(saved::stat(saved.pid)?.parent)).collect();
    for parent in parents {
        // Children are given away before the end is told (`exit_notify` in the kernel's exit.c).
        if let Ok(pidfd) = pidfd::open(parent)
            && saved::is_ending(parent)
            && !matches!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&ENDING)), Ok(1))
        {
            complain(&format!("process {parent}, which ran a keeper, does not end"));
        }
    }
}

/// The process with this id, if it is still the one that started at that time.
fn open_same(pid: i32, ticks: u64) -> io::Result<Option<OwnedFd>> {
    let pidfd = match pidfd::open(pid) {
        Ok(pidfd) => pidfd,
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => return Ok(None),
        Err(e) => return Err(e),
    };
    // Looked up after opening: if it is the right one now, the descriptor is of the right one.
    Ok(saved::stat(pid).filter(|s| s.ticks == ticks).map(|_| pidfd))
}

/// Whether a container's first process waits for a start that never comes: its program has not run. A keeper that was killed
/// may have let it go a moment before, or it may not have seen yet that it is alone: then it is known very soon.
fn was_abandoned(pid: i32) -> bool {
    let deadline = Instant::now() + UNDECIDED;
    loop {
        match saved::name(pid).as_deref() {
            // A program may call itself as it likes.
            Some(ABANDONED) => return runs_keeper(pid),
            // There is no event for a change of name.
            Some(CREATED) if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            // It sets itself up all that time.
            Some(CREATED) => return runs_keeper(pid),
            _ => return false,
        }
    }
}

/// Whether a process has not executed its program yet: what it runs is a keeper's executable.
fn runs_keeper(pid: i32) -> bool {
    let name = |process: &str| {
        let link = fs::read_link(format!("/proc/{process}/exe")).ok()?;
        let name = link.file_name()?.to_string_lossy().into_owned();
        // The kernel's way to say that it was replaced since (proc_pid_exe(5)).
        Some(name.trim_end_matches(" (deleted)").to_owned())
    };
    name(&pid.to_string()) == name("self")
}
