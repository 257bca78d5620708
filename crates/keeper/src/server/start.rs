//! Starting containers, and processes in them.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::event::epoll::EventFlags;
use teu_oci::runtime::{ConsoleSize, IdMapping, NamespaceKind, Process, Spec};
use teu_sys::cgroup::Cgroup;
use teu_sys::pty;

use super::chores::Chore;
use super::config::{self, Kept};
use super::poll::Token;
use super::saved::{self, Saved};
use super::stdio::{self, Owner};
use super::task::{Console, Life, Task};
use super::{Answer, Server};
use crate::launch::{AT_HOOKS, Create, Exec, Launched, Passed, Prepared, Stdio};
use crate::log::Stream;
use crate::protocol::{
    ExecRequest, Failure, FailureKind, PassedFd, ProcessRef, Reply, RuntimeChoice, StartRequest, Started, WinSize,
};

/// The keeper's ends of a new process's standard streams.
#[derive(Default)]
pub(super) struct Ours {
    stdin: Option<OwnedFd>,
    outputs: [Option<OwnedFd>; 2],
}

/// Does what may run hooks of a container, by a name that says so.
fn at_hooks<T>(spec: &Spec, work: impl FnOnce() -> T) -> T {
    if spec.hooks.is_none() {
        return work();
    }
    let own = rustix::thread::name();
    // Unnamed, it is taken for one that hangs a minute earlier.
    let _ = rustix::thread::set_name(AT_HOOKS);
    let done = work();
    let _ = own.and_then(|own| rustix::thread::set_name(&own));
    done
}

const SIGKILL: i32 = rustix::process::Signal::KILL.as_raw();

/// The host's.
pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };

impl Server {
    /// Creates and starts a container.
    pub(super) fn start(&mut self, mut request: StartRequest, fds: Vec<OwnedFd>) -> Answer {
        let process = ProcessRef::container(&request.id);
        self.check_new(&process)?;
        let passed = sort(&request.fds, fds)?;
        complete(&mut request);
        let dir = saved::directory(&self.root, &process);
        saved::create_directory(&dir).map_err(Failure::io(format!("creating {}", dir.display())))?;
        let started = at_hooks(&request.spec, || self.start_in(&dir, &request, passed));
        if started.is_err() {
            self.abandon(&process, &dir);
            self.cgroups.remove(&request.cgroup_path);
        }
        started
    }

    fn start_in(&mut self, dir: &Path, request: &StartRequest, passed: Passed) -> Answer {
        let owner = request.spec.process.as_ref().map_or(ROOT, |p| owner(&request.spec, p));
        let (ours, theirs) = streams(dir, owner, request.terminal, request.open_stdin, true)
            .map_err(Failure::io(format!("making standard streams in {}", dir.display())))?;
        let cgroup = self.cgroups.create(&request.cgroup_path, &request.spec)?;
        let create = Create {
            id: &request.id,
            bundle: dir,
            spec: &request.spec,
            stdio: theirs,
            cgroup: cgroup.as_ref(),
            hold_signals: request.hold_signals,
            passed,
        };
        let prepared = self.launcher.create(create)?;
        let (pid, root) = (prepared.pid(), self.root.clone());
        let mut mounts = None;
        let describe = |ticks| {
            // What another runtime starts is somewhere else later.
            mounts = (request.runtime == RuntimeChoice::Native).then(|| mount_namespace(pid)).flatten();
            let mut kept = config::keep(&root, dir, &request.spec).map_err(Failure::io("writing the configuration"))?;
            let saved = Saved {
                pid,
                ticks,
                terminal: request.terminal.is_some(),
                open_stdin: request.open_stdin,
                log: Some(request.log.clone()),
                cgroup_path: request.cgroup_path.clone(),
                own_pids: has_own_pids(&request.spec),
                filter: kept.filter.take(),
                ..Saved::new(ProcessRef::container(&request.id), request.runtime.clone())
            };
            Ok((saved, kept))
        };
        let (saved, launched) = self.release(dir, prepared, &ours, describe)?;
        if !self.chores.contains(&Chore::Rest) {
            self.later(Chore::Rest);
        }
        self.register(saved, (ours, mounts), launched)
    }

    /// Starts a process in a running container.
    pub(super) fn exec(&mut self, mut request: ExecRequest) -> Answer {
        let process = ProcessRef::exec(&request.container, &request.id);
        self.check_new(&process)?;
        request.process.terminal = request.terminal.is_some();
        let dir = saved::directory(&self.root, &process);
        // Of a container that has been forgotten, nothing may be made anew: nobody would remove it.
        self.running(&ProcessRef::container(&request.container))?;
        saved::create_exec_directory(&dir).map_err(Failure::io(format!("creating {}", dir.display())))?;
        let started = self.exec_in(&dir, &process, &mut request);
        if started.is_err() {
            self.abandon(&process, &dir);
        }
        started
    }

    fn exec_in(&mut self, dir: &Path, process: &ProcessRef, request: &mut ExecRequest) -> Answer {
        let container = self.running(&ProcessRef::container(&request.container))?;
        let (saved, pidfd) = match self.tasks.get(container) {
            Some(Task { saved, pidfd: Some(pidfd), .. }) => (saved.clone(), pidfd.try_clone()),
            _ => return Err(not_running(&request.container)),
        };
        let pidfd = pidfd.map_err(Failure::io("duplicating a pidfd"))?;
        let spec = self.spec(&request.container)?;
        inherit(&spec, &mut request.process);
        let owner = owner(&spec, &request.process);
        let (ours, theirs) = streams(dir, owner, request.terminal, request.open_stdin, !request.detach)
            .map_err(Failure::io(format!("making standard streams in {}", dir.display())))?;
        let cgroup = self.cgroups.open(&saved.cgroup_path)?;
        check_not_frozen(&request.container, cgroup.as_ref())?;
        let exec = Exec {
            id: &request.container,
            spec: &spec,
            init: saved.pid,
            init_pidfd: pidfd.as_fd(),
            process: &request.process,
            stdio: theirs,
            cgroup: cgroup.as_ref(),
        };
        // The container's end is why, if that is what has come meanwhile.
        let ended = |failure| if saved::is_ending(saved.pid) { not_running(&request.container) } else { failure };
        let prepared = self.launcher.exec(exec).map_err(ended)?;
        let pid = prepared.pid();
        let describe = |ticks| {
            let saved = Saved {
                pid,
                ticks,
                terminal: request.terminal.is_some(),
                open_stdin: request.open_stdin,
                hold: !request.detach,
                note: request.note.take(),
                ..Saved::new(process.clone(), RuntimeChoice::Native)
            };
            Ok((saved, Kept::default()))
        };
        let (saved, launched) = self.release(dir, prepared, &ours, describe).map_err(ended)?;
        self.register(saved, (ours, None), launched)
    }

    /// Puts a process on record and lets its program run. `describe` is told the time at which the process began, in the
    /// kernel's ticks; what it takes is done while the process sets itself up.
    fn release(
        &mut self,
        dir: &Path,
        prepared: Box<dyn Prepared + '_>,
        ours: &Ours,
        describe: impl FnOnce(u64) -> Result<(Saved, Kept), Failure>,
    ) -> Result<(Saved, Launched), Failure> {
        let pid = prepared.pid();
        self.hold(pid, ours, None);
        let ticks = saved::stat(pid).map_or(0, |s| s.ticks);
        let released = describe(ticks).and_then(|described| self.let_run(dir, prepared, described, ours));
        if released.is_err() {
            self.let_go(Chore::LetGo { pid });
        }
        released
    }

    /// Lets a program run, once it is on record: at once where that is possible, so that between the process's setting up and its
    /// program nobody is waited for.
    fn let_run(
        &mut self,
        dir: &Path,
        mut prepared: Box<dyn Prepared + '_>,
        (mut saved, kept): (Saved, Kept),
        ours: &Ours,
    ) -> Result<(Saved, Launched), Failure> {
        let record = |saved: &Saved| {
            config::write_state(dir, saved, &kept)
                .map_err(Failure::io(format!("writing the state of {}", saved.process)))
        };
        // Who has a terminal is told by a hang-up that nobody holds the other end: from its first moment on, two must.
        if prepared.can_be_allowed() && !saved.terminal {
            record(&saved)?;
            prepared.allow()?;
            prepared.ready()?;
        } else {
            prepared.ready()?;
            if let Some(console) = prepared.console() {
                saved.terminal_name = pty::name(console).ok();
                self.hold(saved.pid, ours, Some(console));
            }
            saved.started_at = Timestamp::now();
            record(&saved)?;
        }
        Ok((saved, prepared.start()?))
    }

    /// Has the guardian hold what a process is about to write to.
    pub(super) fn hold(&mut self, pid: i32, ours: &Ours, console: Option<BorrowedFd<'_>>) {
        self.do_before(
            |chore| matches!(chore, Chore::LetGo { pid: other } | Chore::Release { pid: other, .. } if *other == pid),
        );
        let Some(ward) = &mut self.ward else { return };
        // Without it, output is lost if all others die.
        let held = ours.outputs.iter().flatten().map(AsFd::as_fd).chain(console);
        let held: Vec<OwnedFd> = held.filter_map(|fd| fd.try_clone_to_owned().ok()).collect();
        if !held.is_empty() {
            ward.hold(pid, held);
        }
    }

    /// Looks after a process that has been started.
    pub(super) fn register(
        &mut self,
        saved: Saved,
        (ours, mounts): (Ours, Option<OwnedFd>),
        launched: Launched,
    ) -> Answer {
        let process = saved.process.clone();
        let mut started = Started {
            pid: launched.pid,
            started_at: saved.started_at,
            fds: Vec::new(),
            mount_namespace: mounts.is_some(),
        };
        let mut task = Task::fresh(&self.root, saved);
        task.set_pidfd(Some(launched.pidfd));
        task.set_stdin(ours.stdin);
        for (stream, fifo) in Stream::BOTH.into_iter().zip(ours.outputs) {
            if let Some(fifo) = fifo {
                task.set_output(stream, fifo);
            }
        }
        task.console = launched.console.and_then(|master| Console::new(master).ok());
        task.clients = self.clients.take_waiting(&process);
        task.hold &= task.clients.is_empty();
        let (roles, mut fds) = match task.duplicates() {
            Ok(duplicates) => duplicates,
            Err(error) => {
                // Nobody would look after it.
                let _ = task.pidfd.as_ref().map(|fd| teu_sys::pidfd::send_signal(fd.as_fd(), SIGKILL));
                return Err(Failure::io("duplicating descriptors")(error));
            }
        };
        started.fds = roles;
        fds.extend(mounts);
        self.insert(process, task).map_err(Failure::io("watching the process"))?;
        Ok((Reply::Started(started), fds))
    }

    /// Makes a task known and watches its descriptors.
    pub(super) fn insert(&mut self, process: ProcessRef, task: Task) -> io::Result<u32> {
        let key = self.tasks.insert(task);
        self.index.insert(process, key);
        if let Some(Task { pidfd: Some(pidfd), life: Life::Running, .. }) = self.tasks.get(key) {
            self.poll.add(pidfd, Token::Exit(key), EventFlags::IN)?;
        }
        self.settle(key);
        Ok(key)
    }

    pub(super) fn check_new(&self, process: &ProcessRef) -> Result<(), Failure> {
        let ids = [Some(&process.container), process.exec.as_ref()];
        if let Some(bad) = ids.into_iter().flatten().find(|id| !saved::is_valid_id(id)) {
            return Err(Failure::new(FailureKind::Invalid, format!("invalid id {bad:?}")));
        }
        if self.index.contains_key(process) || self.is_launching(process) {
            return Err(Failure::new(FailureKind::Conflict, format!("{process} exists already")));
        }
        Ok(())
    }

    /// Cleans up after a start that failed.
    pub(super) fn abandon(&mut self, process: &ProcessRef, dir: &Path) {
        // What cannot be removed is removed by the next start of the same id.
        let _ = fs::remove_dir_all(dir);
        let waiting = self.clients.take_waiting(process);
        self.clients.end(&self.poll, waiting);
    }

    /// A container's configuration, kept on disk.
    pub(super) fn spec(&self, container: &str) -> Result<Spec, Failure> {
        let process = ProcessRef::container(container);
        let task = self.index.get(&process).and_then(|key| self.tasks.get(*key));
        let filter = task.and_then(|task| task.saved.filter.as_deref());
        config::read(&self.root, &saved::directory(&self.root, &process), filter)
            .map_err(Failure::io(format!("reading the configuration of container {container}")))?
            .ok_or_else(|| not_running(container))
    }
}

/// A process that joins a frozen control group is frozen before it can say how its start went, and the keeper would wait
/// for it, whoever froze the group.
fn check_not_frozen(container: &str, cgroup: Option<&Cgroup>) -> Result<(), Failure> {
    match cgroup.map(Cgroup::is_frozen) {
        Some(Ok(true)) => Err(Failure::new(FailureKind::Conflict, format!("container {container} is paused"))),
        _ => Ok(()),
    }
}

/// The mount namespace of a child that has not been reaped.
fn mount_namespace(pid: i32) -> Option<OwnedFd> {
    fs::File::open(format!("/proc/{pid}/ns/mnt")).ok().map(OwnedFd::from)
}

/// Whether the end of a container's first process is the end of all its processes.
fn has_own_pids(spec: &Spec) -> bool {
    let namespaces = spec.linux.as_ref().map_or(&[][..], |linux| &linux.namespaces);
    namespaces.iter().any(|namespace| namespace.kind == NamespaceKind::Pid && namespace.path.is_none())
}

fn not_running(container: &str) -> Failure {
    Failure::new(FailureKind::Conflict, format!("container {container} is not running"))
}

/// Fills in what the request says besides the configuration.
pub(super) fn complete(request: &mut StartRequest) {
    if request.spec.oci_version.is_empty() {
        request.spec.oci_version = teu_oci::runtime::VERSION.to_owned();
    }
    if let Some(process) = &mut request.spec.process {
        process.terminal = request.terminal.is_some();
        process.console_size = request.terminal.map(console_size);
        // Not the keeper's own, which may be low.
        process.oom_score_adj.get_or_insert(0);
    }
}

/// As other runtimes want it.
pub(super) fn console_size(size: WinSize) -> ConsoleSize {
    ConsoleSize { height: size.rows.into(), width: size.cols.into() }
}

/// What a further process takes from the container if the request does not say it.
pub(super) fn inherit(spec: &Spec, process: &mut Process) {
    if process.oom_score_adj.is_none() {
        process.oom_score_adj = spec.process.as_ref().and_then(|p| p.oom_score_adj).or(Some(0));
    }
}

/// Makes standard streams. Without `capture`, output goes nowhere.
pub(super) fn streams(
    dir: &Path,
    owner: Owner,
    terminal: Option<WinSize>,
    open_stdin: bool,
    capture: bool,
) -> io::Result<(Ours, Stdio)> {
    if let Some(size) = terminal {
        let fifo = stdio::terminal_output(dir)?;
        return Ok((Ours { stdin: None, outputs: [Some(fifo), None] }, Stdio::Terminal(size)));
    }
    let mut ours = Ours::default();
    let stdin = if open_stdin {
        let ends = stdio::input(dir, owner)?;
        ours.stdin = Some(ends.ours);
        ends.theirs
    } else {
        stdio::null()?
    };
    if !capture {
        let output = stdio::null()?;
        return Ok((ours, Stdio::Fds { stdin, stdout: output.try_clone()?, stderr: output }));
    }
    let stdout = stdio::output(dir, Stream::Stdout, owner)?;
    let stderr = stdio::output(dir, Stream::Stderr, owner)?;
    ours.outputs = [Some(stdout.ours), Some(stderr.ours)];
    Ok((ours, Stdio::Fds { stdin, stdout: stdout.theirs, stderr: stderr.theirs }))
}

/// The host's ids of a process's user.
pub(super) fn owner(spec: &Spec, process: &Process) -> Owner {
    let (uids, gids) = spec.linux.as_ref().map_or((&[][..], &[][..]), |l| (&l.uid_mappings[..], &l.gid_mappings[..]));
    Owner { uid: host_id(uids, process.user.uid), gid: host_id(gids, process.user.gid) }
}

fn host_id(mappings: &[IdMapping], id: u32) -> u32 {
    let inside = |m: &&IdMapping| id.checked_sub(m.container_id).is_some_and(|n| n < m.size);
    mappings.iter().find(inside).map_or(id, |m| m.host_id.wrapping_add(id - m.container_id))
}

/// Pairs descriptors with what the request says they are.
pub(super) fn sort(roles: &[PassedFd], fds: Vec<OwnedFd>) -> Result<Passed, Failure> {
    if roles.len() != fds.len() {
        let message = format!("{} descriptors came, {} are named", fds.len(), roles.len());
        return Err(Failure::new(FailureKind::Invalid, message));
    }
    let mut passed = Passed::default();
    for (role, fd) in roles.iter().zip(fds) {
        match role {
            PassedFd::Rootfs => passed.rootfs = Some(fd),
            PassedFd::NetworkNamespace => passed.network = Some(fd),
            PassedFd::UserNamespace => passed.user = Some(fd),
            PassedFd::MountSource(destination) => drop(passed.mounts.insert(destination.clone(), fd)),
            PassedFd::Preserve => passed.preserve.push(fd),
        }
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pid_namespace_of_its_own_ends_with_its_first_process() {
        let with = |namespaces: serde_json::Value| {
            let spec = serde_json::json!({"ociVersion": "1.2.0", "linux": {"namespaces": namespaces}});
            has_own_pids(&serde_json::from_value(spec).unwrap())
        };
        assert!(with(serde_json::json!([{"type": "mount"}, {"type": "pid"}])));
        assert!(!with(serde_json::json!([{"type": "pid", "path": "/proc/1/ns/pid"}])));
        assert!(!with(serde_json::json!([{"type": "mount"}])));
        assert!(!has_own_pids(&Spec::default()));
    }

    #[test]
    fn ids_are_mapped_to_the_host() {
        let mappings = [
            IdMapping { container_id: 0, host_id: 100_000, size: 1000 },
            IdMapping { container_id: 1000, host_id: 5, size: 1 },
        ];
        assert_eq!(host_id(&mappings, 0), 100_000);
        assert_eq!(host_id(&mappings, 999), 100_999);
        assert_eq!(host_id(&mappings, 1000), 5);
        assert_eq!(host_id(&[], 7), 7);
    }

    #[test]
    fn descriptors_must_be_named() {
        assert!(sort(&[PassedFd::Rootfs], Vec::new()).is_err());
        let null = || stdio::null().unwrap();
        let roles = [PassedFd::MountSource("/a".into()), PassedFd::Rootfs, PassedFd::Preserve, PassedFd::Preserve];
        let passed = sort(&roles, vec![null(), null(), null(), null()]).unwrap();
        assert!(passed.rootfs.is_some() && passed.network.is_none());
        assert_eq!((passed.mounts.len(), passed.preserve.len()), (1, 2));
    }
}
