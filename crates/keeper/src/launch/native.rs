//! Teu's own runtime, in this process.

use teu_oci::runtime::NamespaceKind;
use teu_runtime::{Created, Error, ExecRequest, Launch, Rootfs, Running, WindowSize};

use super::{Create, Exec, Launched, Launcher, Prepared, Stdio};
use crate::protocol::{Failure, FailureKind};

/// Starts containers by `teu_runtime`.
#[derive(Debug, Default)]
pub struct Native;

impl Launcher for Native {
    fn create(&mut self, request: Create<'_>) -> Result<Box<dyn Prepared>, Failure> {
        let rootfs = match (request.passed.rootfs, &request.spec.root) {
            (Some(mount), _) => Rootfs::Mount(mount),
            (None, Some(root)) => Rootfs::Path(request.bundle.join(&root.path)),
            (None, None) => return Err(Failure::new(FailureKind::Invalid, "the container has no root file system")),
        };
        let created = Launch {
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
            ..Launch::new(request.id, request.spec, request.bundle, rootfs)
        }
        .create()?;
        Ok(Box::new(Waiting::new(created)))
    }

    fn exec(&mut self, request: Exec<'_>) -> Result<Box<dyn Prepared>, Failure> {
        let exec = ExecRequest::new(request.id, request.init, request.init_pidfd, request.spec, request.process);
        let exec = ExecRequest { stdio: request.stdio.into(), cgroup: request.cgroup, linger: true, ..exec };
        Ok(Box::new(Waiting::new(exec.prepare()?)))
    }
}

struct Waiting {
    pid: i32,
    created: Option<Created>,
}

impl Waiting {
    fn new(created: Created) -> Waiting {
        Waiting { pid: created.pid(), created: Some(created) }
    }
}

impl Prepared for Waiting {
    fn pid(&self) -> i32 {
        self.pid
    }

    fn start(mut self: Box<Self>) -> Result<Launched, Failure> {
        let gone = || Failure::new(FailureKind::Failed, "the process was started before");
        Ok(launched(self.created.take().ok_or_else(gone)?.start()?))
    }
}

impl Drop for Waiting {
    /// Left alone, it would linger.
    fn drop(&mut self) {
        if let Some(created) = self.created.take() {
            created.kill();
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
