//! Serving the daemon's requests.

use std::os::fd::{AsFd, OwnedFd};

use teu_sys::pidfd;

use super::chores::Chore;
use super::connection::Asked;
use super::task::{Life, Task};
use super::{Answer, Server, exit};
use crate::protocol::{
    AdoptRequest, AttachRequest, ExitStatus, Failure, FailureKind, FdRole, ProcessRef, Reply, Request, RuntimeChoice,
    VERSION, WinSize,
};

/// Descriptors in one page of a list; more follow in the next.
const PAGE_FDS: usize = 200;

impl Server {
    /// Serves any request but [`Request::Upgrade`]. None if the answer comes later.
    pub(super) fn serve(&mut self, request: Request, fds: Vec<OwnedFd>, asked: Asked) -> Option<Answer> {
        let cgroup = match &request {
            Request::Start(start) => Some(&start.cgroup_path),
            Request::Reserve { cgroup_path, .. } => Some(cgroup_path),
            _ => None,
        };
        if let Some(cgroup) = cgroup {
            self.do_before(|chore| matches!(chore, Chore::RemoveCgroup(path) if path == cgroup));
        }
        match request {
            Request::Start(request) if request.runtime != RuntimeChoice::Native => {
                self.start_external(*request, fds, asked)
            }
            Request::Exec(request) => match self.runtime_of(&request.container) {
                Some(runtime) if runtime != RuntimeChoice::Native => self.exec_external(*request, &runtime, asked),
                _ => Some(self.exec(*request)),
            },
            other => Some(self.serve_at_once(other, fds, asked)),
        }
    }

    fn serve_at_once(&mut self, request: Request, fds: Vec<OwnedFd>, asked: Asked) -> Answer {
        match request {
            Request::Hello { .. } => Ok((hello(), Vec::new())),
            Request::List { after } => self.list(after.as_deref()),
            Request::Reserve { container, cgroup_path } => {
                // Whatever runs in a cgroup of this name ends.
                self.check_new(&ProcessRef::container(&container))?;
                self.cgroups.reserve(&cgroup_path, asked.serial())?;
                done()
            }
            Request::Unreserve { container, cgroup_path } => {
                // A run of its own would be in it.
                self.check_new(&ProcessRef::container(&container))?;
                self.cgroups.remove(&cgroup_path);
                done()
            }
            Request::Start(request) => self.start(*request, fds),
            Request::Exec(request) => self.exec(*request),
            Request::Attach(request) => self.attach(request),
            Request::Resize { process, size } => self.resize(&process, size),
            Request::CloseStdin { process } => {
                let key = self.find(&process)?;
                if let Some(task) = self.tasks.get_mut(key) {
                    task.stdin = None;
                }
                done()
            }
            Request::Signal { process, signal, all } => self.signal(&process, signal, all),
            Request::Pause { container } => self.freeze(&container, true),
            Request::Unpause { container } => self.freeze(&container, false),
            Request::Update { container, resources } => {
                let path = self.cgroup_path(&container)?;
                self.cgroups.update(&path, &resources)?;
                done()
            }
            Request::AckExit { process } => {
                self.acknowledge(&process);
                done()
            }
            Request::Adopt(request) => self.adopt(&request, fds),
            Request::Upgrade { .. } => Err(Failure::new(FailureKind::Invalid, "an upgrade cannot be nested")),
            Request::Shutdown { force } => self.shut_down(force),
        }
    }

    fn runtime_of(&self, container: &str) -> Option<RuntimeChoice> {
        let key = self.running(&ProcessRef::container(container)).ok()?;
        self.tasks.get(key).map(|t| t.saved.runtime.clone())
    }

    /// The task of a process that the keeper knows.
    fn find(&self, process: &ProcessRef) -> Result<u32, Failure> {
        let missing = || Failure::new(FailureKind::NotFound, format!("no such process: {process}"));
        self.index.get(process).copied().ok_or_else(missing)
    }

    /// The task of a process that runs.
    pub(super) fn running(&self, process: &ProcessRef) -> Result<u32, Failure> {
        let key = self.find(process)?;
        match self.tasks.get(key) {
            Some(Task { life: Life::Running, .. }) => Ok(key),
            _ => Err(Failure::new(FailureKind::Conflict, format!("{process} is not running"))),
        }
    }

    fn list(&mut self, after: Option<&str>) -> Answer {
        if after.is_none() {
            // What a daemon before this one asked for has happened, or never will.
            self.serve_gone();
        }
        let mut processes = Vec::new();
        let mut fds = Vec::new();
        let mut last: Option<&str> = None;
        // A container's execs are on its page, so that the next page starts after it.
        for (process, &key) in self.index.iter().filter(|(p, _)| after.is_none_or(|a| p.container.as_str() > a)) {
            if last != Some(&process.container) && fds.len() >= PAGE_FDS {
                return Ok((Reply::List { processes, more: true }, fds));
            }
            last = Some(&process.container);
            if let Some(task) = self.tasks.get(key) {
                let (roles, duplicates) = task.duplicates().map_err(Failure::io("duplicating descriptors"))?;
                processes.push(task.state(roles));
                fds.extend(duplicates);
            }
        }
        Ok((Reply::List { processes, more: false }, fds))
    }

    fn attach(&mut self, request: AttachRequest) -> Answer {
        let (process, resume) = (request.process.clone(), request.resume);
        let mut positions = [0; 2];
        let mut spools = None;
        let opened = self.clients.open(&self.poll, request);
        let (client, socket) = opened.map_err(Failure::io(format!("attaching to {process}")))?;
        match self.index.get(&process).copied() {
            None => self.clients.wait_for_start(client),
            Some(key) => {
                let Some(task) = self.tasks.get_mut(key) else { return done() };
                positions = task.positions(&self.root);
                spools = if resume { task.spools(&self.root) } else { None };
                task.clients.push(client);
                if std::mem::take(&mut task.returning) {
                    self.stalled.remove(&key);
                }
                let held = std::mem::replace(&mut task.hold, false);
                if !matches!(task.life, Life::Exited(_)) || task.awaits_terminal {
                    self.settle(key);
                } else if !held || self.drain(key) {
                    self.finish(key);
                }
            }
        }
        let fds = std::iter::once(socket).chain(spools.into_iter().flatten()).collect();
        Ok((Reply::Attached { positions }, fds))
    }

    fn resize(&mut self, process: &ProcessRef, size: WinSize) -> Answer {
        let key = self.running(process)?;
        let Some(task) = self.tasks.get_mut(key) else { return done() };
        match &task.console {
            Some(console) => {
                console.resize(size).map_err(Failure::io(format!("resizing the terminal of {process}")))?;
            }
            None if task.awaits_terminal => task.size = Some(size),
            // It never had one, or that was lost with daemon and keeper: nothing to size, and no failure to Docker.
            None => {}
        }
        done()
    }

    fn signal(&mut self, process: &ProcessRef, signal: i32, all: bool) -> Answer {
        let key = self.running(process)?;
        let Some(task) = self.tasks.get(key) else { return done() };
        let failed = || Failure::io(format!("sending signal {signal} to {process}"));
        if let (true, Ok(Some(cgroup))) = (all, self.cgroups.open(&task.saved.cgroup_path)) {
            for pid in cgroup.pids()? {
                // One that has gone meanwhile needs no signal.
                if let Ok(other) = pidfd::open(pid) {
                    let _ = pidfd::send_signal(other.as_fd(), signal);
                }
            }
        } else if let Some(pidfd) = &task.pidfd {
            pidfd::send_signal(pidfd.as_fd(), signal).map_err(failed())?;
        }
        done()
    }

    fn freeze(&mut self, container: &str, freeze: bool) -> Answer {
        let path = self.cgroup_path(container)?;
        let none = || Failure::new(FailureKind::Conflict, format!("container {container} has no cgroup"));
        let cgroup = self.cgroups.open(&path)?.ok_or_else(none)?;
        if freeze {
            cgroup.freeze()?
        } else {
            cgroup.thaw()?
        }
        done()
    }

    fn cgroup_path(&self, container: &str) -> Result<String, Failure> {
        let key = self.running(&ProcessRef::container(container))?;
        Ok(self.tasks.get(key).map(|t| t.saved.cgroup_path.clone()).unwrap_or_default())
    }

    /// Takes what this keeper does not have yet from the descriptors that a daemon has held.
    fn adopt(&mut self, request: &AdoptRequest, fds: Vec<OwnedFd>) -> Answer {
        let key = self.find(&request.process)?;
        let mut pidfd = None;
        for (role, fd) in request.fds.iter().zip(fds) {
            match role {
                FdRole::Pidfd => pidfd = Some(fd),
                FdRole::Terminal => self.adopt_terminal(key, fd)?,
                FdRole::Stdin => {
                    if let Some(task) = self.tasks.get_mut(key)
                        && task.life == Life::Running
                    {
                        task.stdin.get_or_insert(fd);
                    }
                }
                // Opened by name; the daemon's duplicate has kept the data until then.
                FdRole::Stdout | FdRole::Stderr => {}
            }
        }
        // Those who got its output before are attached by now.
        let settled = self.tasks.get_mut(key).is_some_and(|task| std::mem::take(&mut task.returning));
        if settled {
            self.stop_waiting(key);
        }
        let Some(task) = self.tasks.get_mut(key) else { return done() };
        let awaited = std::mem::replace(&mut task.awaits_terminal, false);
        let (pid, ticks) = (task.saved.pid, task.saved.ticks);
        match task.life {
            Life::Running => {}
            Life::Exited(_) if awaited => self.after_exit(key),
            Life::Exited(_) => {}
            Life::Orphaned => {
                let status = pidfd.map_or(ExitStatus::Unknown, |fd| exit::status(fd.as_fd(), pid, ticks));
                self.record_exit(key, status);
                self.after_exit(key);
            }
        }
        done()
    }

    /// Nobody is to come back for the output of a process.
    fn stop_waiting(&mut self, key: u32) {
        self.stalled.remove(&key);
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.hold = false;
        if !matches!(task.life, Life::Exited(_)) {
            self.settle(key);
        } else if self.drain(key) {
            self.finish(key);
        }
    }

    fn shut_down(&mut self, force: bool) -> Answer {
        let running = self.tasks.iter().filter(|t| t.life == Life::Running).count();
        if running > 0 && !force {
            return Err(Failure::new(FailureKind::Conflict, format!("{running} processes are running")));
        }
        self.stopping = true;
        done()
    }
}

/// Who answers.
pub(super) fn hello() -> Reply {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    Reply::Hello { version: VERSION, pid, build: env!("CARGO_PKG_VERSION").to_owned() }
}

fn done() -> Answer {
    Ok((Reply::Done, Vec::new()))
}
