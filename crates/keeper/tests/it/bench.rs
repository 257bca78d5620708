//! A keeper of its own for each test, and shorthands.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde::Deserialize;
use teu_keeper::protocol::{
    AdoptRequest, AttachRequest, END_OF_OUTPUT, Event, ExecRequest, ExitRecord, ExitStatus, Framing, Health, LogTarget,
    ProcessRef, Reply, Request, StartRequest, WinSize,
};
use teu_keeper::{Descriptors, Ensure, Error, Keeper};
use teu_oci::runtime::{Process, Spec};

/// Longer than anything here takes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A keeper and its daemon.
pub(crate) struct Bench {
    exe: &'static str,
    pub(crate) keeper: Keeper,
    pub(crate) events: Receiver<Event>,
    pub(crate) dir: tempfile::TempDir,
}

#[derive(Deserialize)]
pub(crate) struct Entry {
    pub(crate) log: String,
    pub(crate) stream: String,
}

impl Bench {
    /// A keeper whose containers are plain processes.
    pub(crate) fn new() -> Bench {
        Bench::of(PLAIN)
    }

    /// A keeper with the real runtime.
    pub(crate) fn native() -> Bench {
        Bench::of(env!("CARGO_BIN_EXE_keeper"))
    }

    fn of(exe: &'static str) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let (keeper, events) = connect(dir.path(), exe);
        Bench { exe, keeper, events, dir }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub(crate) fn log_path(&self, id: &str) -> PathBuf {
        self.dir.path().join(format!("{id}-json.log"))
    }

    /// Starts over as a new daemon would.
    pub(crate) fn reconnect(&mut self) {
        (self.keeper, self.events) = connect(self.dir.path(), self.exe);
    }

    pub(crate) fn keeper_pid(&self) -> i32 {
        match self.call(Request::Hello { version: teu_keeper::protocol::VERSION }) {
            Reply::Hello { pid, .. } => pid,
            other => panic!("{other:?}"),
        }
    }

    /// Kills the keeper, and waits until it is gone.
    pub(crate) fn kill_keeper(&self) {
        let pid = rustix::process::Pid::from_raw(self.keeper_pid()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        self.expect(|e| matches!(e, Event::KeeperGone).then_some(()));
    }

    pub(crate) fn call(&self, request: Request) -> Reply {
        self.keeper.call_blocking(request, Vec::new()).unwrap().0
    }

    pub(crate) fn refusal(&self, request: Request) -> teu_keeper::protocol::Failure {
        match self.keeper.call_blocking(request, Vec::new()) {
            Err(Error::Refused(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn request(&self, id: &str, script: &str) -> StartRequest {
        let log = LogTarget { path: self.log_path(id), max_files: 1, ..LogTarget::default() };
        StartRequest {
            id: id.to_owned(),
            spec: Box::new(Spec { process: Some(shell(script)), ..Spec::default() }),
            terminal: None,
            open_stdin: false,
            log,
            cgroup_path: String::new(),
            runtime: Default::default(),
            hold_signals: false,
            fds: Vec::new(),
        }
    }

    pub(crate) fn start(&self, request: StartRequest) -> Descriptors {
        self.started(Request::Start(Box::new(request))).1
    }

    pub(crate) fn started(&self, request: Request) -> (i32, Descriptors) {
        let (reply, mut fds) = self.keeper.call_blocking(request, Vec::new()).unwrap();
        let Reply::Started(started) = reply else { panic!("{reply:?}") };
        let mounts = fds.split_off(started.fds.len());
        assert_eq!(mounts.len(), usize::from(started.mount_namespace));
        for namespace in mounts {
            let of = |file: std::fs::File| std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
            let process = std::fs::File::open(format!("/proc/{}/ns/mnt", started.pid));
            assert!(process.is_err() || of(namespace.into()) == process.map(of).unwrap());
        }
        (started.pid, Descriptors::collect(&started.fds, &mut fds.into_iter()))
    }

    pub(crate) fn run(&self, id: &str, script: &str) -> Descriptors {
        self.start(self.request(id, script))
    }

    pub(crate) fn exec_request(&self, container: &str, id: &str, script: &str) -> ExecRequest {
        ExecRequest {
            container: container.to_owned(),
            id: id.to_owned(),
            process: Box::new(shell(script)),
            terminal: None,
            open_stdin: false,
            detach: false,
            note: None,
        }
    }

    pub(crate) fn attach(&self, process: ProcessRef, framing: Framing) -> UnixStream {
        let request = AttachRequest { process, stdout: true, stderr: true, framing, resume: false };
        let (reply, fds) = self.keeper.call_blocking(Request::Attach(request), Vec::new()).unwrap();
        assert!(matches!(reply, Reply::Attached { .. }));
        let socket = UnixStream::from(fds.into_iter().next().unwrap());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    pub(crate) fn expect<T>(&self, wanted: impl Fn(&Event) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("no such event in time");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    pub(crate) fn exited(&self, process: &ProcessRef) -> ExitRecord {
        self.expect(|event| match event {
            Event::Exited { process: p, record } if p == process => Some(*record),
            _ => None,
        })
    }

    pub(crate) fn wait(&self, id: &str) -> ExitStatus {
        self.exited(&ProcessRef::container(id)).status
    }

    pub(crate) fn ack(&self, process: ProcessRef) {
        assert!(matches!(self.call(Request::AckExit { process }), Reply::Done));
    }

    pub(crate) fn adopt(&self, process: ProcessRef, held: &Descriptors) {
        let (roles, fds) = held.duplicate().unwrap();
        let request = Request::Adopt(AdoptRequest { process, fds: roles });
        self.keeper.call_blocking(request, fds).unwrap();
    }

    pub(crate) fn entries(&self, id: &str) -> Vec<Entry> {
        let text = fs::read_to_string(self.log_path(id)).unwrap_or_default();
        // What is being written right now has no end yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What a stream's log has, as one text.
    pub(crate) fn logged(&self, id: &str, stream: &str) -> String {
        self.entries(id).into_iter().filter(|e| e.stream == stream).map(|e| e.log).collect()
    }
}

impl Drop for Bench {
    /// Ends the keeper and what it started.
    fn drop(&mut self) {
        let Ok(keeper) = Keeper::connect(&self.root(), |_| {}) else { return };
        for listed in keeper.list().unwrap_or_default() {
            if let Some(pidfd) = listed.fds.pidfd {
                let _ = rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::KILL);
            }
        }
        // Its guardian would keep what it has not seen the end of, for the next keeper.
        let running = |keeper: &Keeper| {
            keeper.list().is_ok_and(|listed| listed.iter().any(|listed| matches!(listed.state.health, Health::Running)))
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while running(&keeper) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = keeper.call_blocking(Request::Shutdown { force: true }, Vec::new());
    }
}

/// The executable of a keeper that runs plain processes.
pub(crate) const PLAIN: &str = env!("CARGO_BIN_EXE_plain-keeper");

pub(crate) fn connect(dir: &Path, exe: &str) -> (Keeper, Receiver<Event>) {
    let (tx, rx) = mpsc::channel();
    let events = move |event| drop(tx.send(event));
    let ensure = Ensure { exec_root: &dir.join("run"), exe: Path::new(exe), data_root: Some(dir) };
    (Keeper::ensure_with(&ensure, events).unwrap(), rx)
}

pub(crate) fn shell(script: &str) -> Process {
    let args = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Process { args, cwd: "/".into(), ..Process::default() }
}

pub(crate) fn container(id: &str) -> ProcessRef {
    ProcessRef::container(id)
}

pub(crate) fn size(rows: u16, cols: u16) -> WinSize {
    WinSize { rows, cols }
}

/// Everything until the end.
pub(crate) fn read_all(mut from: UnixStream) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).unwrap();
    all
}

/// Reads frames of Docker's attach stream until its end: bytes by stream number.
pub(crate) fn demultiplex(bytes: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut streams: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        if *header == END_OF_OUTPUT {
            rest = after;
            break;
        }
        assert_eq!(header[1..4], [0; 3]);
        let len = u32::from_be_bytes(header[4..].try_into().unwrap()) as usize;
        streams.entry(header[0]).or_default().extend_from_slice(&after[..len]);
        rest = &after[len..];
    }
    assert!(rest.is_empty());
    streams
}

/// Blocks until a pidfd says that its process has ended.
pub(crate) fn wait_for_end(pidfd: &OwnedFd) {
    use rustix::event::{PollFd, PollFlags, poll};
    poll(&mut [PollFd::new(pidfd, PollFlags::IN)], None).unwrap();
}

/// Waits until something is so; for what sends no event.
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
