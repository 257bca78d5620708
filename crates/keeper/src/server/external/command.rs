//! A runtime's command: how it is put together, run, and what it says when it fails.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio as Std};

use rustix::process::{getpid, set_child_subreaper};
use serde::Deserialize;
use teu_sys::pidfd;

use super::super::Server;
use crate::protocol::{Failure, FailureKind, RuntimeChoice};

/// The process of a command.
pub(super) struct Child {
    pub(super) pid: i32,
    pub(super) pidfd: OwnedFd,
}

impl Server {
    /// A command of the runtime; with `dir`, what goes wrong is logged there.
    pub(super) fn command(&self, runtime: &RuntimeChoice, dir: Option<&Path>) -> Result<Command, Failure> {
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

    /// One that reads and writes nothing.
    pub(super) fn silent_command(&self, runtime: &RuntimeChoice, dir: Option<&Path>) -> Result<Command, Failure> {
        let mut command = self.command(runtime, dir)?;
        command.stdin(Std::null()).stdout(Std::null()).stderr(Std::null());
        Ok(command)
    }
}

/// Runs a command whose orphans become children of the keeper.
pub(super) fn spawn(command: &mut Command) -> Result<Child, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut run = || {
        set_child_subreaper(Some(getpid()))?;
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok::<_, io::Error>(Child { pid, pidfd: pidfd::open(pid)? })
    };
    run().map_err(Failure::io(format!("running {program}")))
}

/// A line of a runtime's log in JSON.
#[derive(Deserialize)]
struct LogLine {
    level: String,
    msg: String,
}

/// What a command that failed says about it.
pub(super) fn explain(dir: &Path, status: io::Result<Option<pidfd::ExitStatus>>) -> Failure {
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
