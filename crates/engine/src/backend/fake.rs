//! Backends without a kernel: for tests of what the engine does with the answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use teu_image::{Image, SnapshotOptions};
use teu_keeper::protocol::{
    Event, ExitRecord, ExitStatus, Failure, FailureKind, Health, ProcessRef, ProcessState, Reply, Request, Started,
};
use teu_keeper::{Descriptors, Listed};
use teu_network::{AttachRequest, DriverKind, Endpoint, Join, ResolverConfig, Sandbox, Target};
use teu_oci::digest::Digest;
use teu_oci::image::{ContainerConfig, ImageConfig};
use teu_oci::runtime::IdMaps;
use tokio::sync::mpsc;

use super::{Answer as KeeperAnswer, Images, Notice, Processes, Restored, Sandboxes};
use crate::container::Handle;
use crate::health::{Answer, Probe, Probed, Prober};
use crate::{Engine, Error};

/// A keeper whose containers exist in its memory only. Programs behave by their names: `missing` is not found,
/// `stubborn` survives `SIGTERM`, and `sluggish` is still there after `SIGKILL`.
#[derive(Debug)]
pub(crate) struct FakeKeeper {
    notices: mpsc::UnboundedSender<Notice>,
    pub(crate) processes: Mutex<BTreeMap<String, ProcessState>>,
    stubborn: Mutex<Vec<String>>,
    sluggish: Mutex<Vec<String>>,
    next_pid: AtomicI32,
    pub(crate) acknowledged: Mutex<Vec<String>>,
    /// Seconds that its clock is ahead at starts.
    pub(crate) ahead: AtomicI32,
    /// Die over the answer to the next signal; another takes over.
    pub(crate) dies: AtomicBool,
    epoch: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeKeeper {
    pub(crate) fn new() -> (Arc<FakeKeeper>, mpsc::UnboundedReceiver<Notice>) {
        let (notices, inbox) = mpsc::unbounded_channel();
        let keeper = FakeKeeper {
            notices,
            processes: Mutex::default(),
            stubborn: Mutex::default(),
            sluggish: Mutex::default(),
            next_pid: AtomicI32::new(100),
            acknowledged: Mutex::default(),
            ahead: AtomicI32::new(0),
            dies: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
        };
        (Arc::new(keeper), inbox)
    }

    /// Ends a container's process.
    pub(crate) fn exit(&self, id: &str, status: ExitStatus) {
        if let Some(process) = lock(&self.processes).get_mut(id) {
            let started_at = Some(process.started_at);
            let record = ExitRecord { status, at: Timestamp::now(), oom_killed: false, started_at };
            process.health = Health::Exited(record);
            let process = ProcessRef::container(id);
            drop(self.notices.send(Notice::Event(Event::Exited { process, record })));
        }
    }

    fn start(&self, id: &str, program: &str) -> KeeperAnswer {
        if program == "missing" {
            let message = format!("exec: {program:?}: executable file not found in $PATH");
            return Err(teu_keeper::Error::Refused(Failure { kind: FailureKind::CommandNotFound, message }));
        }
        if program == "stubborn" {
            lock(&self.stubborn).push(id.to_owned());
        }
        if program == "sluggish" {
            lock(&self.sluggish).push(id.to_owned());
        }
        let pid = self.next_pid.fetch_add(1, Ordering::Relaxed);
        let ahead = jiff::SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed).into());
        let started_at = Timestamp::now() + ahead;
        let state = ProcessState {
            process: ProcessRef::container(id),
            pid,
            started_at,
            health: Health::Running,
            terminal: false,
            fds: Vec::new(),
            note: None,
        };
        lock(&self.processes).insert(id.to_owned(), state);
        Ok((Reply::Started(Started { pid, started_at, fds: Vec::new(), mount_namespace: false }), Vec::new()))
    }

    fn signal(&self, id: &str, signal: i32) -> KeeperAnswer {
        if lock(&self.processes).get(id).is_none_or(|process| process.health != Health::Running) {
            let message = format!("{id} is not running");
            return Err(teu_keeper::Error::Refused(Failure { kind: FailureKind::Conflict, message }));
        }
        let is_in = |list: &Mutex<Vec<String>>| lock(list).iter().any(|other| other == id);
        let ends = (signal == 9 && !is_in(&self.sluggish)) || (signal == 15 && !is_in(&self.stubborn));
        if ends {
            self.exit(id, ExitStatus::Signaled(signal));
        }
        if self.dies.swap(false, Ordering::Relaxed) {
            self.epoch.fetch_add(1, Ordering::Relaxed);
            return Err(teu_keeper::Error::Gone);
        }
        Ok((Reply::Done, Vec::new()))
    }
}

impl Processes for FakeKeeper {
    fn call(&self, request: Request, _: Vec<OwnedFd>) -> BoxFuture<'static, KeeperAnswer> {
        let answer = match request {
            Request::Start(start) => {
                let program = start.spec.process.as_ref().and_then(|p| p.args.first()).cloned().unwrap_or_default();
                self.start(&start.id, &program)
            }
            Request::Signal { process, signal, .. } => self.signal(&process.container, signal),
            Request::AckExit { process } => {
                lock(&self.processes).remove(&process.container);
                lock(&self.acknowledged).push(process.container);
                Ok((Reply::Done, Vec::new()))
            }
            _ => Ok((Reply::Done, Vec::new())),
        };
        std::future::ready(answer).boxed()
    }

    fn call_at(&self, _: u64, request: Request, fds: Vec<OwnedFd>) -> BoxFuture<'static, KeeperAnswer> {
        self.call(request, fds)
    }

    fn list(&self) -> BoxFuture<'static, Result<Vec<Listed>, teu_keeper::Error>> {
        let all = lock(&self.processes);
        let listed = all.values().cloned().map(|state| Listed { state, fds: Descriptors::default() }).collect();
        std::future::ready(Ok(listed)).boxed()
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    fn renewed(&self, _: u64) -> BoxFuture<'static, Result<(), Error>> {
        std::future::ready(Ok(())).boxed()
    }
}

/// Networks that give everybody the same place.
#[derive(Debug, Default)]
pub(crate) struct FakeNetworks {
    pub(crate) attached: Mutex<Vec<String>>,
    /// Refuse the next attach.
    pub(crate) broken: AtomicBool,
}

impl Sandboxes for FakeNetworks {
    fn attach(&self, request: AttachRequest) -> Result<Sandbox, Error> {
        if self.broken.swap(false, Ordering::Relaxed) {
            return Err(Error::Network("Bind for 0.0.0.0:80 failed: port is already allocated".to_owned()));
        }
        let network = match request.target {
            Target::Network(name) => name,
            Target::Namespace(_) => String::new(),
        };
        lock(&self.attached).push(request.container);
        let endpoint = Endpoint {
            id: "e".repeat(64),
            network_id: "n".repeat(64),
            network,
            driver: DriverKind::Bridge,
            interface: None,
            host_interface: None,
            mac: None,
            ipv4: None,
            gateway: None,
            ipv6: None,
            gateway6: None,
            ports: Vec::new(),
        };
        Ok(Sandbox { netns: None, user: None, sysfs: None, endpoint, others: Vec::new() })
    }

    fn connect(
        &self,
        _: (&str, &str),
        join: Join,
        _: BorrowedFd<'_>,
        _: &ResolverConfig,
    ) -> Result<Vec<Endpoint>, Error> {
        Err(Error::NoSuchNetwork(join.network))
    }

    fn disconnect(&self, _: &str, network: &str, _: Option<BorrowedFd<'_>>) -> Result<Vec<Endpoint>, Error> {
        Err(Error::NoSuchNetwork(network.to_owned()))
    }

    fn hide(&self, _: &str) {}

    fn release(&self, container: &str) -> Result<(), Error> {
        lock(&self.attached).retain(|id| id != container);
        Ok(())
    }

    fn rename(&self, _: &str, _: &str) {}

    fn network_name(&self, network: &str) -> Result<String, Error> {
        match network {
            "bridge" | "host" | "none" => Ok(network.to_owned()),
            other => Err(Error::NoSuchNetwork(other.to_owned())),
        }
    }

    fn host_gateway(&self) -> Option<IpAddr> {
        None
    }
}

/// One image, `busybox`, whose root file system is a folder.
#[derive(Debug)]
pub(crate) struct FakeImages {
    pub(crate) root: PathBuf,
    pub(crate) snapshots: Mutex<Vec<String>>,
}

impl Images for FakeImages {
    fn resolve(&self, name: &str) -> Result<Image, Error> {
        if !matches!(name, "busybox" | "busybox:latest") {
            return Err(Error::NoSuchImage(name.to_owned()));
        }
        let config = ContainerConfig { cmd: Some(vec!["sh".to_owned()]), ..ContainerConfig::default() };
        let config = ImageConfig {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            config: Some(config),
            ..ImageConfig::default()
        };
        Ok(Image {
            id: Digest::of(b"busybox"),
            config: Arc::new(config),
            tags: Vec::new(),
            digests: Vec::new(),
            size: 1000,
            parent: None,
            last_tagged: None,
        })
    }

    fn prepare(&self, key: &str, _: &Digest, _: &SnapshotOptions) -> Result<(), Error> {
        lock(&self.snapshots).push(key.to_owned());
        Ok(())
    }

    fn mount(&self, _: &str) -> Result<OwnedFd, Error> {
        let root = std::fs::File::open(&self.root);
        root.map(OwnedFd::from).map_err(|source| Error::File { path: self.root.clone(), source })
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        lock(&self.snapshots).retain(|k| k != key);
        Ok(())
    }

    fn restore(&self, key: &str, _: &str, _: Option<&IdMaps>) -> Result<Restored, Error> {
        let there = lock(&self.snapshots).iter().any(|k| k == key);
        Ok(if there { Restored::There } else { Restored::Gone })
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(lock(&self.snapshots).clone())
    }

    fn written(&self, _: &str) -> Result<u64, Error> {
        Ok(7)
    }

    fn driver(&self) -> &'static str {
        "fake"
    }
}

/// Health checks that find what they are told to.
#[derive(Debug, Default)]
pub(crate) struct FakeProber {
    /// The code that the next probes bring; none lets them wait for their time limit.
    pub(crate) code: Mutex<Option<i64>>,
    pub(crate) asked: AtomicI32,
}

impl Prober for FakeProber {
    fn probe<'a>(&self, _: &'a Engine, _: &'a Arc<Handle>, _: &'a Probe, limit: Duration) -> BoxFuture<'a, Probed> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match *lock(&self.code) {
            Some(code) => std::future::ready(Ok(Some(Answer { code, text: b"said".to_vec() }))).boxed(),
            None => async move {
                tokio::time::sleep(limit).await;
                Ok(None)
            }
            .boxed(),
        }
    }
}
