//! How a start and an exec begin: the runtime's first command.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::super::connection::Asked;
use super::super::saved::{self, CONFIG, RUNTIME, Saved};
use super::super::start::{self, owner, streams};
use super::super::{Answer, Server};
use super::{Running, Stage, command, console};
use crate::launch::Passed;
use crate::protocol::{ExecRequest, Failure, ProcessRef, RuntimeChoice, StartRequest};

impl Server {
    /// Begins to start a container by another runtime. An answer is only returned if that failed.
    pub(in crate::server) fn start_external(
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
            console::prepare(&mut command, dir, theirs, &mut kept).map_err(Failure::io("preparing a console"))?;
        command.arg(&request.id);
        let saved = Saved {
            terminal: request.terminal.is_some(),
            open_stdin: request.open_stdin,
            log: Some(request.log),
            cgroup_path: request.cgroup_path,
            ..Saved::new(ProcessRef::container(&request.id), request.runtime)
        };
        let command = command::spawn(&mut command)?;
        self.watch_command(Running {
            console,
            _kept: kept,
            ..Running::new(Stage::Create, command, asked, dir, saved, ours)
        })
    }

    /// Begins to run a further process in such a container.
    pub(in crate::server) fn exec_external(
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
            console::prepare(&mut command, dir, theirs, &mut kept).map_err(Failure::io("preparing a console"))?;
        command.arg(&request.container);
        let saved = Saved {
            terminal: request.terminal.is_some(),
            open_stdin: request.open_stdin,
            hold: !request.detach,
            note: request.note,
            ..Saved::new(ProcessRef::exec(&request.container, &request.id), runtime.clone())
        };
        let command = command::spawn(&mut command)?;
        self.watch_command(Running {
            console,
            _kept: kept,
            ..Running::new(Stage::Exec, command, asked, dir, saved, ours)
        })
    }
}
