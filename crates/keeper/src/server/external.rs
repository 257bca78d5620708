//! Containers run by other OCI runtimes (runc, crun, runsc, kata …) through their command line.
//!
//! A runtime may take long, so the keeper does not wait for its commands: each is a child that epoll watches, and the
//! daemon's request is answered when the last has ended. The container's first process becomes a child of the keeper
//! when the command that made it ends, since the keeper is a subreaper by then.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio as Std};

use jiff::Timestamp;
use rustix::event::epoll::EventFlags;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};
use serde::Deserialize;
use teu_oci::runtime::{Linux, Namespace, NamespaceKind, Root, Spec};
use teu_sys::{mount, pidfd};

use super::chores::Chore;
use super::connection::Asked;
use super::poll::Token;
use super::saved::{self, CONFIG, RUNTIME, STATE, Saved};
use super::start::{self, Ours, owner, streams};
use super::{Answer, Server};
use crate::launch::{Launched, Passed, Stdio};
use crate::protocol::{ExecRequest, Failure, FailureKind, ProcessRef, RuntimeChoice, StartRequest};
use crate::wire::Inbox;

/// A runtime's command that is running.
pub(super) struct Running {
    stage: Stage,
    /// The command's process.
    command: OwnedFd,
    command_pid: i32,
    asked: Asked,
    dir: PathBuf,
    saved: Saved,
    ours: Ours,
    console: Option<UnixListener>,
    /// The container's first process, once it exists.
    pidfd: Option<OwnedFd>,
    /// What the command's arguments refer to.
    _kept: Vec<OwnedFd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Create,
    Start,
    Exec,
    Delete,
}

impl Server {
    /// Begins to start a container by another runtime. An answer is only returned if that failed.
    pub(super) fn start_external(
        &mut self,
        mut request: StartRequest,
        fds: Vec<OwnedFd>,
        asked: Asked,
    ) -> Option<Answer> {
        let process = ProcessRef::container(&request.id);
        let new = self.check_new(&process);
        let checked = new.and_then(|()| start::sort(&request.fds, fds));
        let passed = match checked {
            Ok(passed) => passed,
            Err(failure) => return Some(Err(failure)),
        };
        start::complete(&mut request);
        let dir = saved::directory(&self.root, &process);
        match self.create_external(&dir, request, passed, asked) {
            Ok(()) => None,
            Err(failure) => {
                self.abandon(&process, &dir);
                self.unmount_external(&process.container);
                Some(Err(failure))
            }
        }
    }

    fn create_external(
        &mut self,
        dir: &Path,
        mut request: StartRequest,
        passed: Passed,
        asked: Asked,
    ) -> Result<(), Failure> {
        saved::create_directory(dir).map_err(Failure::io(format!("creating {}", dir.display())))?;
        let owner = request.spec.process.as_ref().map_or(start::ROOT, |p| owner(&request.spec, p));
        let (ours, theirs) = streams(dir, owner, request.terminal, request.open_stdin, true)
            .map_err(Failure::io(format!("making standard streams in {}", dir.display())))?;
        let mut kept = self
            .prepare_external(&mut request, passed)
            .map_err(Failure::io(format!("preparing mounts of container {}", request.id)))?;
        saved::write_atomically(dir, CONFIG, &request.spec).map_err(Failure::io("writing the configuration"))?;
        saved::write_atomically(dir, RUNTIME, &request.runtime).map_err(Failure::io("writing the runtime"))?;
        let mut command = self.command(&request.runtime, Some(dir))?;
        command.arg("create").arg("--bundle").arg(dir).arg("--pid-file").arg(dir.join("pid"));
        let console =
            prepare_stdio(&mut command, dir, theirs, &mut kept).map_err(Failure::io("preparing a console"))?;
        command.arg(&request.id);
        let saved = Saved {
            process: ProcessRef::container(&request.id),
            pid: 0,
            ticks: 0,
            started_at: Timestamp::now(),
            terminal: request.terminal.is_some(),
            open_stdin: request.open_stdin,
            log: Some(request.log),
            cgroup_path: request.cgroup_path,
            runtime: request.runtime,
            hold: false,
            note: None,
        };
        let (command_pid, command) = self.spawn(&mut command)?;
        let (stage, dir) = (Stage::Create, dir.to_owned());
        let pidfd = None;
        self.watch_command(Running {
            stage,
            command,
            command_pid,
            asked,
            dir,
            saved,
            ours,
            console,
            pidfd,
            _kept: kept,
        })
    }

    /// Gives the runtime paths for what came as descriptors.
    fn prepare_external(&self, request: &mut StartRequest, passed: Passed) -> io::Result<Vec<OwnedFd>> {
        let place = self.external_mounts(&request.id);
        let spec: &mut Spec = &mut request.spec;
        if let Some(rootfs) = passed.rootfs {
            let at = place.join("rootfs");
            fs::create_dir_all(&at)?;
            attach(&rootfs, &at)?;
            let readonly = spec.root.as_ref().is_some_and(|r| r.readonly);
            spec.root = Some(Root { path: at, readonly });
        }
        for (n, (destination, source)) in passed.mounts.into_iter().enumerate() {
            let at = place.join(n.to_string());
            fs::create_dir_all(&place)?;
            if rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&source)?.st_mode).is_dir() {
                fs::create_dir_all(&at)?;
            } else {
                fs::write(&at, "")?;
            }
            attach(&source, &at)?;
            if let Some(mount) = spec.mounts.iter_mut().find(|m| m.destination == destination) {
                mount.source = at.to_string_lossy().into_owned();
            }
        }
        let linux = spec.linux.get_or_insert_with(Linux::default);
        linux.cgroups_path.clone_from(&request.cgroup_path);
        let mut kept = Vec::new();
        if let Some(network) = passed.network {
            let path = in_proc(&network);
            linux.namespaces.retain(|n| n.kind != NamespaceKind::Network);
            linux.namespaces.push(Namespace { kind: NamespaceKind::Network, path: Some(path) });
            kept.push(network);
        }
        Ok(kept)
    }

    /// Begins to run a further process in such a container.
    pub(super) fn exec_external(
        &mut self,
        request: ExecRequest,
        runtime: &RuntimeChoice,
        asked: Asked,
    ) -> Option<Answer> {
        let process = ProcessRef::exec(&request.container, &request.id);
        if let Err(failure) = self.check_new(&process) {
            return Some(Err(failure));
        }
        let dir = saved::directory(&self.root, &process);
        match self.exec_external_in(&dir, request, runtime, asked) {
            Ok(()) => None,
            Err(failure) => {
                self.abandon(&process, &dir);
                Some(Err(failure))
            }
        }
    }

    fn exec_external_in(
        &mut self,
        dir: &Path,
        mut request: ExecRequest,
        runtime: &RuntimeChoice,
        asked: Asked,
    ) -> Result<(), Failure> {
        saved::create_exec_directory(dir).map_err(Failure::io(format!("creating {}", dir.display())))?;
        request.process.terminal = request.terminal.is_some();
        request.process.console_size = request.terminal.map(start::console_size);
        let spec = self.spec(&request.container)?;
        start::inherit(&spec, &mut request.process);
        let owner = owner(&spec, &request.process);
        let (ours, theirs) = streams(dir, owner, request.terminal, request.open_stdin, !request.detach)
            .map_err(Failure::io(format!("making standard streams in {}", dir.display())))?;
        saved::write_atomically(dir, "process.json", &request.process).map_err(Failure::io("writing the process"))?;
        let mut command = self.command(runtime, Some(dir))?;
        command.args(["exec", "--detach", "--process"]).arg(dir.join("process.json"));
        command.arg("--pid-file").arg(dir.join("pid"));
        let mut kept = Vec::new();
        let console =
            prepare_stdio(&mut command, dir, theirs, &mut kept).map_err(Failure::io("preparing a console"))?;
        command.arg(&request.container);
        let saved = Saved {
            process: ProcessRef::exec(&request.container, &request.id),
            pid: 0,
            ticks: 0,
            started_at: Timestamp::now(),
            terminal: request.terminal.is_some(),
            open_stdin: request.open_stdin,
            log: None,
            cgroup_path: String::new(),
            runtime: runtime.clone(),
            hold: !request.detach,
            note: request.note,
        };
        let (command_pid, command) = self.spawn(&mut command)?;
        let (stage, dir) = (Stage::Exec, dir.to_owned());
        let pidfd = None;
        self.watch_command(Running {
            stage,
            command,
            command_pid,
            asked,
            dir,
            saved,
            ours,
            console,
            pidfd,
            _kept: kept,
        })
    }

    /// Lets the runtime forget a container whose start was cut.
    pub(super) fn forget_external(&mut self, runtime: RuntimeChoice, container: &str) {
        self.delete_external(&Saved {
            process: ProcessRef::container(container),
            pid: 0,
            ticks: 0,
            started_at: Timestamp::now(),
            terminal: false,
            open_stdin: false,
            log: None,
            cgroup_path: String::new(),
            runtime,
            hold: false,
            note: None,
        });
    }

    /// Lets the runtime forget a container that has ended, and removes what was mounted for it.
    /// False if that is not under way.
    pub(super) fn delete_external(&mut self, saved: &Saved) -> bool {
        let dir = saved::directory(&self.root, &saved.process);
        let Ok(mut command) = self.command(&saved.runtime, None) else { return false };
        command.args(["delete", "--force"]).arg(&saved.process.container);
        command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
        if let Ok((command_pid, command)) = self.spawn(&mut command) {
            let running = Running {
                stage: Stage::Delete,
                command,
                command_pid,
                asked: Asked::nobody(),
                dir,
                saved: saved.clone(),
                ours: Ours::default(),
                console: None,
                pidfd: None,
                _kept: Vec::new(),
            };
            // Failing that, it is reaped with other children that nobody waits for.
            return self.watch_command(running).is_ok();
        }
        false
    }

    /// A runtime's command has ended.
    pub(super) fn on_command(&mut self, key: u32) {
        let Some(mut running) = self.commands.remove(key) else { return };
        self.poll.remove(&running.command);
        let status = pidfd::try_wait(running.command.as_fd());
        let succeeded = matches!(status, Ok(Some(pidfd::ExitStatus::Exited(0))));
        if running.stage == Stage::Delete {
            self.unmount_external(&running.saved.process.container);
            if let Some(&task) = self.index.get(&running.saved.process) {
                self.conclude(task);
            }
            self.reap_strangers();
            return;
        }
        let next = if succeeded { self.advance(&mut running) } else { Err(explain(&running.dir, status)) };
        match next {
            Ok(Some((command_pid, command))) => {
                let (dir, saved) = (running.dir.clone(), running.saved.clone());
                let asked = running.asked;
                if let Err(failure) = self.watch_command(Running { command, command_pid, ..running }) {
                    self.fail(&dir, &saved, asked, failure);
                }
            }
            Ok(None) => self.finish_launch(running),
            Err(failure) => self.fail(&running.dir, &running.saved, running.asked, failure),
        }
        self.reap_strangers();
    }

    /// After a command that succeeded: the next, if there is one.
    fn advance(&mut self, running: &mut Running) -> Result<Option<(i32, OwnedFd)>, Failure> {
        if running.stage == Stage::Start {
            return Ok(None);
        }
        let path = running.dir.join("pid");
        let text = fs::read_to_string(&path).map_err(Failure::io(format!("reading {}", path.display())))?;
        let pid: i32 = text.trim().parse().map_err(Failure::io(format!("reading {}", path.display())))?;
        running.pidfd = Some(pidfd::open(pid).map_err(Failure::io(format!("opening process {pid}")))?);
        running.saved.pid = pid;
        running.saved.ticks = saved::stat(pid).map_or(0, |s| s.ticks);
        saved::write_atomically(&running.dir, STATE, &running.saved).map_err(Failure::io("writing the state"))?;
        self.hold(pid, &running.ours);
        if running.stage == Stage::Exec {
            return Ok(None);
        }
        running.stage = Stage::Start;
        let mut command = self.command(&running.saved.runtime, Some(&running.dir))?;
        command.arg("start").arg(&running.saved.process.container);
        command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
        self.spawn(&mut command).map(Some)
    }

    /// Looks after the new process, and answers.
    fn finish_launch(&mut self, running: Running) {
        let Running { asked, dir, saved, ours, console, pidfd, .. } = running;
        let launched = (|| {
            let console = console.map(receive_console).transpose().map_err(Failure::io("receiving the console"))?;
            let pidfd = pidfd.ok_or_else(|| Failure::new(FailureKind::Failed, "the runtime made no process"))?;
            Ok(Launched { pid: saved.pid, pidfd, console })
        })();
        match launched.and_then(|launched| self.register(saved.clone(), ours, launched)) {
            Ok(answer) => self.answer_asked(asked, Ok(answer)),
            Err(failure) => self.fail(&dir, &saved, asked, failure),
        }
    }

    /// Undoes a start, and answers.
    fn fail(&mut self, dir: &Path, saved: &Saved, asked: Asked, failure: Failure) {
        if saved.process.exec.is_none() {
            self.delete_external(saved);
        }
        self.let_go(Chore::LetGo { pid: saved.pid });
        self.abandon(&saved.process, dir);
        self.answer_asked(asked, Err(failure));
    }

    fn watch_command(&mut self, running: Running) -> Result<(), Failure> {
        let key = self.commands.insert(running);
        let Some(running) = self.commands.get(key) else { return Ok(()) };
        let watched = self.poll.add(&running.command, Token::Command(key), EventFlags::IN);
        watched.map_err(|e| {
            self.commands.remove(key);
            Failure::io("watching the runtime")(e)
        })
    }

    /// Whether a start or exec of this process is under way.
    pub(super) fn is_launching(&self, process: &ProcessRef) -> bool {
        self.commands.iter().any(|c| c.stage != Stage::Delete && c.saved.process == *process)
    }

    /// A command of the runtime; with `dir`, what goes wrong is logged there.
    fn command(&self, runtime: &RuntimeChoice, dir: Option<&Path>) -> Result<Command, Failure> {
        let RuntimeChoice::External { path, args } = runtime else {
            return Err(Failure::new(FailureKind::Invalid, "not an external runtime"));
        };
        let mut command = Command::new(path);
        command.args(args).arg("--root").arg(self.root.join("external"));
        if let Some(dir) = dir {
            command.arg("--log").arg(dir.join("runtime.log")).args(["--log-format", "json"]);
        }
        Ok(command)
    }

    fn spawn(&mut self, command: &mut Command) -> Result<(i32, OwnedFd), Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut run = || {
            set_child_subreaper(Some(getpid()))?;
            let child = command.spawn()?;
            let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
            Ok::<_, io::Error>((pid, pidfd::open(pid)?))
        };
        run().map_err(Failure::io(format!("running {program}")))
    }

    /// Reaps children that a runtime has left to the keeper and that are no task's process.
    fn reap_strangers(&self) {
        let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()) {
            let known = self.compression.is_child(pid)
                || self.tasks.iter().any(|t| t.saved.pid == pid)
                || self.commands.iter().any(|c| c.command_pid == pid || c.saved.pid == pid);
            if !known
                && saved::stat(pid).is_some_and(|s| s.zombie)
                && let Some(pid) = Pid::from_raw(pid)
            {
                // Somebody else can only have reaped it.
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
    }

    fn external_mounts(&self, container: &str) -> PathBuf {
        self.root.join("mounts").join(container)
    }

    /// Never recursive: what is mounted there is the container's data.
    fn unmount_external(&self, container: &str) {
        let place = self.external_mounts(container);
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let path = entry.path();
            while unmount(&path, UnmountFlags::DETACH).is_ok() {}
            let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
        }
        let _ = fs::remove_dir(&place);
    }
}

fn attach(mount: &OwnedFd, at: &Path) -> io::Result<()> {
    let target = openat(CWD, at, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    Ok(mount::attach(mount.as_fd(), target.as_fd())?)
}

/// A descriptor of ours as a path for other processes.
fn in_proc(fd: &OwnedFd) -> PathBuf {
    format!("/proc/{}/fd/{}", getpid().as_raw_nonzero(), fd.as_raw_fd()).into()
}

/// Gives the command the process's streams, or a socket to send the terminal's master to.
fn prepare_stdio(
    command: &mut Command,
    dir: &Path,
    stdio: Stdio,
    kept: &mut Vec<OwnedFd>,
) -> io::Result<Option<UnixListener>> {
    let (stdin, stdout, stderr) = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => (stdin, stdout, stderr),
        Stdio::Terminal(_) => {
            command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
            // The directory's own path may be too long for a socket's name.
            let dir = openat(CWD, dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
            let path = in_proc(&dir).join("console");
            kept.push(dir);
            let listener = UnixListener::bind(&path)?;
            listener.set_nonblocking(true)?;
            command.arg("--console-socket").arg(path);
            return Ok(Some(listener));
        }
    };
    command.stdin(stdin).stdout(stdout).stderr(stderr);
    Ok(None)
}

/// The runtime has connected and sent the descriptor before it ended.
fn receive_console(listener: UnixListener) -> io::Result<OwnedFd> {
    let (socket, _) = listener.accept()?;
    Inbox::descriptor(&socket)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// A line of a runtime's log in JSON.
#[derive(Deserialize)]
struct LogLine {
    level: String,
    msg: String,
}

/// What a command that failed says about it.
fn explain(dir: &Path, status: io::Result<Option<pidfd::ExitStatus>>) -> Failure {
    let log = fs::read_to_string(dir.join("runtime.log")).unwrap_or_default();
    let mut errors = log.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
    let last = errors.rfind(|line| matches!(&*line.level, "error" | "fatal"));
    let message = last.map_or_else(|| format!("the runtime failed: {status:?}"), |line| line.msg);
    let lower = message.to_lowercase();
    // The specification leaves messages to the runtimes; these are those of runc, crun and youki.
    let kind = if lower.contains("executable file not found") || lower.contains("no such file or directory") {
        FailureKind::CommandNotFound
    } else if lower.contains("permission denied") || lower.contains("is a directory") {
        FailureKind::CommandNotExecutable
    } else {
        FailureKind::Failed
    };
    Failure::new(kind, message)
}
