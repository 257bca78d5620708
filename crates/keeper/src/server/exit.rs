//! Noticing and recording that a process has ended.

use std::os::fd::{AsFd, BorrowedFd};

use jiff::Timestamp;
use teu_sys::pidfd;

use super::chores::Chore;
use super::guardian;
use super::saved::{self, EXIT};
use super::task::{Life, Task};
use super::{Server, complain};
use crate::protocol::{Event, ExitRecord, ExitStatus, ProcessRef, RuntimeChoice};

impl From<pidfd::ExitStatus> for ExitStatus {
    fn from(status: pidfd::ExitStatus) -> ExitStatus {
        match status {
            pidfd::ExitStatus::Exited(code) => ExitStatus::Exited(code),
            pidfd::ExitStatus::Signaled(signal) => ExitStatus::Signaled(signal),
        }
    }
}

impl Server {
    /// A pidfd says that its process has ended.
    pub(super) fn on_exit(&mut self, key: u32) {
        let Some(Task { pidfd: Some(pidfd), life: Life::Running, saved, .. }) = self.tasks.get(key) else { return };
        let status = status(pidfd.as_fd(), saved.pid, saved.ticks);
        self.record_exit(key, status);
        if let Some(pidfd) = self.tasks.get_mut(key).and_then(|t| t.pidfd.take()) {
            self.poll.remove(&pidfd);
            // The child of a keeper before this one is reaped by that one's guardian.
            let _ = pidfd::try_wait(pidfd.as_fd());
        }
        if self.tasks.get(key).is_some_and(|t| !t.awaits_terminal) {
            self.after_exit(key);
        }
    }

    /// Puts the exit on disk: from now on it cannot be lost.
    pub(super) fn record_exit(&mut self, key: u32, status: ExitStatus) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        let oom_killed = task.is_container() && self.cgroups.was_oom_killed(&task.saved.cgroup_path);
        let started_at = Some(task.saved.started_at);
        let record = ExitRecord { status, at: Timestamp::now(), oom_killed, started_at };
        task.life = Life::Exited(record);
        let recorded = saved::write_atomically(&task.dir(&self.root), EXIT, &record);
        // With no space for a few bytes the daemon still gets it from memory, and the zombie stays for the next keeper.
        if recorded.is_ok() && task.foreign {
            task.guardian = guardian::reap(&self.root, task.saved.pid);
        }
    }

    /// Takes the remaining output and tells the daemons.
    pub(super) fn after_exit(&mut self, key: u32) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.stdin = None;
        let (saved, held) = (task.saved.clone(), task.hold);
        if !saved.cgroup_path.is_empty() && !saved.own_pids {
            // Without a pid namespace of its own others may be left, and they may write for ever.
            self.cgroups.kill(&saved.cgroup_path);
        }
        if !held {
            self.drain(key);
        }
        let external = saved.process.exec.is_none() && saved.runtime != RuntimeChoice::Native;
        if !(external && self.delete_external(&saved)) {
            self.conclude(key);
        }
    }

    /// The end is told, once no runtime knows the container any more.
    pub(super) fn conclude(&mut self, key: u32) {
        let Some(task) = self.tasks.get(key) else { return };
        let Life::Exited(record) = task.life else { return };
        let (process, cgroup_path) = (task.saved.process.clone(), task.saved.cgroup_path.clone());
        let complete = !task.hold && !task.stalled;
        self.announce(&Event::Exited { process, record });
        if complete {
            self.finish(key);
        }
        if !cgroup_path.is_empty() {
            self.later(Chore::RemoveCgroup(cgroup_path));
        }
    }

    /// Everything has been taken: ends the clients' streams and closes what is not needed any more.
    pub(super) fn finish(&mut self, key: u32) {
        let Some(chore) = self.tasks.get(key).map(Task::release) else { return };
        self.let_go(chore);
        let Some(task) = self.tasks.get_mut(key) else { return };
        let clients = std::mem::take(&mut task.clients);
        self.clients.end(&self.poll, clients);
        if let Some(console) = task.console.take() {
            self.poll.remove(&console.master);
        }
        if let Some(log) = &mut task.log {
            log.close();
        }
        // Processes that an exec left in the background may still write: that is read and dropped, lest they hang.
        if task.is_container() || task.saved.terminal {
            for output in task.outputs.iter_mut().filter_map(Option::take) {
                self.poll.remove(&output.fifo);
            }
        }
        if task.acknowledged {
            self.forget(key);
        } else {
            self.settle(key);
        }
    }

    /// The daemon has stored the exit.
    pub(super) fn acknowledge(&mut self, process: &ProcessRef) {
        let Some(&key) = self.index.get(process) else { return };
        let Some(task) = self.tasks.get_mut(key) else { return };
        if !matches!(task.life, Life::Exited(_)) {
            return;
        }
        task.acknowledged = true;
        task.hold = false;
        if !task.stalled || task.is_log_gone() {
            self.forget(key);
        }
    }

    /// Removes a process's files and all memory of it, and a container's execs with it.
    pub(super) fn forget(&mut self, key: u32) {
        let Some(task) = self.tasks.get(key) else { return };
        let process = task.saved.process.clone();
        let is_container = task.is_container();
        let cgroup = Chore::RemoveCgroup(task.saved.cgroup_path.clone());
        if is_container && self.chores.contains(&cgroup) && saved::set_aside(&self.root, &process.container) {
            self.later(Chore::RemoveEnded(process.container.clone()));
        } else {
            saved::remove(&self.root, &process);
        }
        if is_container {
            for exec in self.execs(&process.container) {
                self.drop_task(exec);
            }
        }
        let lingering = self.tasks.get(key).is_some_and(|t| t.outputs.iter().any(Option::is_some));
        self.index.remove(&process);
        self.stalled.remove(&key);
        if lingering {
            // Background processes of an exec: `end_output` drops the task.
            if let Some(task) = self.tasks.get_mut(key) {
                task.hold = false;
                task.acknowledged = true;
            }
            let clients = self.tasks.get_mut(key).map(|t| std::mem::take(&mut t.clients));
            self.clients.end(&self.poll, clients.unwrap_or_default());
            self.settle(key);
        } else {
            self.drop_task(key);
        }
    }

    /// Forgets a task, whatever it is doing.
    pub(super) fn drop_task(&mut self, key: u32) {
        let Some(task) = self.tasks.remove(key) else { return };
        if self.index.get(&task.saved.process) == Some(&key) {
            self.index.remove(&task.saved.process);
        }
        self.stalled.remove(&key);
        self.let_go(task.release());
        self.clients.end(&self.poll, task.clients);
        for output in task.outputs.iter().flatten() {
            self.poll.remove(&output.fifo);
        }
        if let Some(pidfd) = &task.pidfd {
            self.poll.remove(pidfd);
        }
        if let Some(console) = &task.console {
            self.poll.remove(&console.master);
        }
    }

    /// Nobody needs the exit of a process or what is in its pipes any more: whoever holds them lets them go.
    pub(super) fn let_go(&mut self, chore: Chore) {
        if !self.chores.contains(&chore) {
            self.later(chore);
        }
    }

    /// All tasks of a container's execs, also those that only linger.
    fn execs(&self, container: &str) -> Vec<u32> {
        let is_exec = |key: &u32| {
            self.tasks.get(*key).is_some_and(|t| !t.is_container() && t.saved.process.container == container)
        };
        self.tasks.keys().into_iter().filter(is_exec).collect()
    }
}

/// How a process ended that has ended: as a child's parent if it is ours, from the kernel's own records otherwise.
pub(super) fn status(pidfd: BorrowedFd<'_>, pid: i32, ticks: u64) -> ExitStatus {
    let peeked = pidfd::peek(pidfd);
    if let Ok(Some(status)) = peeked {
        return status.into();
    }
    // Linux 6.15 and later tell it once the process is reaped; before that, while it is a zombie, `/proc` does.
    let reaped = || pidfd::reaped_status(pidfd).map(ExitStatus::from);
    reaped().or_else(|| zombie(pid, ticks)).or_else(reaped).unwrap_or_else(|| {
        complain(&format!("nobody knows how process {pid} ended: {peeked:?}, {:?}", saved::stat(pid)));
        ExitStatus::Unknown
    })
}

fn zombie(pid: i32, ticks: u64) -> Option<ExitStatus> {
    let stat = saved::stat(pid).filter(|s| s.zombie && s.ticks == ticks)?;
    Some(pidfd::ExitStatus::from_wait(stat.exit_code).into())
}
