//! Teu's own runtime, in this process.

use std::cell::OnceCell;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use teu_oci::runtime::NamespaceKind;
use teu_runtime::{Begun, CommonDirectories, Created, Error, ExecRequest, Launch, Rootfs, Running, Stock, WindowSize};

use super::{Create, Exec, Launched, Launcher, Prepared, Stdio};
use crate::protocol::{Failure, FailureKind};
use crate::server::complain;

/// Where in the exec root the directories are that containers have in common.
const COMMON: &str = "common";

/// Starts containers by `teu_runtime`.
#[derive(Debug)]
pub struct Native {
    exec_root: PathBuf,
    common: OnceCell<Option<Arc<CommonDirectories>>>,
    stock: Stock,
}

impl Native {
    /// For the containers of an exec root.
    #[must_use]
    pub fn new(exec_root: &Path) -> Native {
        Native { exec_root: exec_root.to_owned(), common: OnceCell::new(), stock: Stock::default() }
    }

    /// What they have in common, made with the first of them. Without it, each has its own.
    fn common(&self) -> Option<Arc<CommonDirectories>> {
        let make = || CommonDirectories::make(&self.exec_root.join(COMMON)).map(Arc::new);
        let told = |error: &std::io::Error| complain(&format!("containers have nothing in common: {error}"));
        self.common.get_or_init(|| make().inspect_err(told).ok()).clone()
    }
}

impl Launcher for Native {
    fn create<'a>(&mut self, mut request: Create<'a>) -> Result<Box<dyn Prepared + 'a>, Failure> {
        let rootfs = match (request.passed.rootfs, &request.spec.root) {
            (Some(mount), _) => Rootfs::Mount(mount),
            (None, Some(root)) => Rootfs::Path(request.bundle.join(&root.path)),
            (None, None) => return Err(Failure::new(FailureKind::Invalid, "the container has no root file system")),
        };
        if request.passed.user.is_none() {
            self.stock.take(request.spec, &mut request.passed.mounts);
        }
        let begun = Launch {
            mount_sources: request.passed.mounts,
            namespaces: [(NamespaceKind::User, request.passed.user), (NamespaceKind::Network, request.passed.network)]
                .into_iter()
                .filter_map(|(kind, fd)| Some((kind, fd?)))
                .collect(),
            stdio: request.stdio.into(),
            cgroup: request.cgroup,
            preserve_fds: request.passed.preserve,
            // The next keeper must not take its end for the program's.
            linger: true,
            hold_signals: request.hold_signals,
            common: self.common(),
            ..Launch::new(request.id, request.spec, request.bundle, rootfs)
        }
        .begin()?;
        Ok(Box::new(Waiting::new(begun)))
    }

    fn rest(&mut self) {
        self.stock.fill();
    }

    fn exec<'a>(&mut self, request: Exec<'a>) -> Result<Box<dyn Prepared + 'a>, Failure> {
        let exec = ExecRequest::new(request.id, request.init, request.init_pidfd, request.spec, request.process);
        let exec = ExecRequest { stdio: request.stdio.into(), cgroup: request.cgroup, linger: true, ..exec };
        Ok(Box::new(Waiting::new(exec.begin()?)))
    }
}

struct Waiting<'a> {
    pid: i32,
    stage: Stage<'a>,
}

/// How far a process has come.
enum Stage<'a> {
    Begun(Begun<'a>),
    Ready(Created),
    /// It runs, or has ended.
    Gone,
}

impl<'a> Waiting<'a> {
    fn new(begun: Begun<'a>) -> Self {
        Waiting { pid: begun.pid(), stage: Stage::Begun(begun) }
    }

    fn take(&mut self) -> Stage<'a> {
        std::mem::replace(&mut self.stage, Stage::Gone)
    }
}

impl Prepared for Waiting<'_> {
    fn pid(&self) -> i32 {
        self.pid
    }

    fn can_be_allowed(&self) -> bool {
        matches!(&self.stage, Stage::Begun(begun) if begun.may_start_early())
    }

    fn allow(&mut self) -> Result<(), Failure> {
        match &mut self.stage {
            Stage::Begun(begun) => Ok(begun.allow_start()?),
            Stage::Ready(_) | Stage::Gone => Ok(()),
        }
    }

    fn ready(&mut self) -> Result<(), Failure> {
        self.stage = match self.take() {
            Stage::Begun(begun) => Stage::Ready(begun.ready()?),
            other => other,
        };
        Ok(())
    }

    fn console(&self) -> Option<BorrowedFd<'_>> {
        match &self.stage {
            Stage::Ready(created) => created.console(),
            Stage::Begun(_) | Stage::Gone => None,
        }
    }

    fn start(mut self: Box<Self>) -> Result<Launched, Failure> {
        self.ready()?;
        match self.take() {
            Stage::Ready(created) => Ok(launched(created.start()?)),
            Stage::Begun(_) | Stage::Gone => Err(Failure::new(FailureKind::Failed, "the process was started before")),
        }
    }
}

impl Drop for Waiting<'_> {
    /// Left alone, it would linger.
    fn drop(&mut self) {
        match self.take() {
            Stage::Begun(begun) => begun.kill(),
            Stage::Ready(created) => created.kill(),
            Stage::Gone => {}
        }
    }
}

fn launched(mut running: Running) -> Launched {
    let console = running.take_console();
    Launched { pid: running.pid(), pidfd: running.into_pidfd(), console }
}

impl From<Stdio> for teu_runtime::Stdio {
    fn from(stdio: Stdio) -> teu_runtime::Stdio {
        match stdio {
            Stdio::Fds { stdin, stdout, stderr } => teu_runtime::Stdio::Fds { stdin, stdout, stderr },
            Stdio::Terminal(size) => teu_runtime::Stdio::Terminal {
                // Zero means that the size is not known yet.
                size: (size.rows > 0).then_some(WindowSize { rows: size.rows, columns: size.cols }),
            },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let kind = match error.exit_code() {
            127 => FailureKind::CommandNotFound,
            126 => FailureKind::CommandNotExecutable,
            _ => FailureKind::Failed,
        };
        Failure::new(kind, error.to_string())
    }
}
