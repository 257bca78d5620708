//! `exec start`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::StreamExt;
use jiff::Timestamp;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use teu_api::exec::StartRequest;
use teu_keeper::protocol::{ExecRequest, FailureKind, Health, Reply, Request, WinSize};
use teu_keeper::{Descriptors, Listed};
use teu_oci::runtime::Process;

use super::create::check_container;
use super::registry::{Exec, Phase};
use crate::backend::KEEPERS;
use crate::container::{Accounts, ClientInput, ExecDifferences, exec_process, pump, refusal};
use crate::hookup::{Hookup, hook_up};
use crate::stream::Input;
use crate::{Attachment, Engine, Error, StartError, apparmor};

/// What Docker puts in front of the runtime's reason.
const PREFIX: &str = "OCI runtime exec failed: exec failed: unable to start container process";

/// A started exec.
#[derive(Debug)]
pub enum ExecStarted {
    /// It runs on its own.
    Detached,
    /// It runs, with these streams.
    Attached(Attachment),
}

/// runc's words for a working directory that is relative to nothing.
fn relative_directory() -> StartError {
    StartError {
        message: "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown".to_owned(),
        exit_code: 126,
    }
}

impl Engine {
    /// Starts the process of an exec.
    ///
    /// # Errors
    /// No such exec; it was started before; its container is not running or paused; its program cannot be run.
    pub async fn exec_start(&self, exec: &str, request: StartRequest) -> Result<ExecStarted, Error> {
        let exec = self.execs().find(exec)?;
        check_container(&exec.container, &exec.container.id)?;
        exec.claim()?;
        match self.run_exec(&exec, &request).await {
            Ok(started) => Ok(started),
            Err(error) => {
                let code = match &error {
                    Error::Start(start) => start.exit_code,
                    _ => 126,
                };
                exec.ended(code, Timestamp::now());
                // It may have run and ended, which was kept until now.
                self.acknowledge_exit(exec.process());
                match error {
                    // Docker has upgraded the connection by then: the reason comes as output, the code by inspect.
                    error if is_detached(&exec, &request) => Err(error),
                    error => Ok(ExecStarted::Attached(told(&error.to_string(), &exec, &request))),
                }
            }
        }
    }

    pub(super) async fn run_exec(&self, exec: &Arc<Exec>, request: &StartRequest) -> Result<ExecStarted, Error> {
        let process = self.exec_process(exec).await?;
        let action = format!("exec_start: {}", exec.line());
        self.container_event(&exec.container.view().definition, &action, &[("execID", exec.id.clone())]);
        let mut epoch = self.processes().epoch();
        let mut launched = self.launch_exec(exec, request, &process, None).await;
        for _ in 1..KEEPERS {
            let Err(Error::KeeperLost) = launched else { break };
            self.processes().renewed(epoch).await?;
            epoch = self.processes().epoch();
            let wanted = exec.process();
            // The next keeper knows whether it took effect.
            let known = self.list_processes().await?.into_iter().find(|listed| listed.state.process == wanted);
            launched = self.launch_exec(exec, request, &process, known).await;
        }
        launched
    }

    /// Hooks up to the output and starts the process, unless it is `known` to run.
    async fn launch_exec(
        &self,
        exec: &Arc<Exec>,
        request: &StartRequest,
        process: &Process,
        known: Option<Listed>,
    ) -> Result<ExecStarted, Error> {
        let wanted = &exec.request;
        let detach = is_detached(exec, request);
        let output = if detach {
            None
        } else {
            let (stdout, stderr) = (wanted.attach_stdout, wanted.attach_stderr);
            // Asked for before the start, so that no byte is missed.
            let from_start = known.is_some();
            // Docker frames what comes by what the client says now, not by what the process got.
            let framed = !request.tty;
            Some(hook_up(self, Hookup { process: exec.process(), framed, stdout, stderr, from_start }).await?)
        };
        let [rows, cols] = request.console_size.or(wanted.console_size).unwrap_or_default();
        match known {
            Some(known) => {
                self.exec_started(exec, known.state.pid, known.fds);
                if known.state.health == Health::Orphaned {
                    let epoch = self.processes().epoch();
                    self.hookups().wait_until_carried_over(epoch).await;
                    self.settle_exec(exec.process(), epoch).await;
                }
            }
            None => {
                let request = ExecRequest {
                    container: exec.container.id.clone(),
                    id: exec.id.clone(),
                    process: Box::new(process.clone()),
                    terminal: wanted.tty.then_some(WinSize { rows, cols }),
                    open_stdin: wanted.attach_stdin && !detach,
                    detach,
                    // So that an engine after this one knows it.
                    note: serde_json::to_string(wanted).ok(),
                };
                self.call_exec(exec, request).await?;
            }
        }
        let Some(output) = output else { return Ok(ExecStarted::Detached) };
        let input = wanted.attach_stdin.then(|| self.exec_input(exec)).flatten();
        // Clients ask for the exit code at the end of the output: it comes after the exit is known.
        let over = futures_util::stream::once(Arc::clone(exec).is_over());
        let output = output.chain(over.filter_map(|()| std::future::ready(None)));
        let output = output.boxed();
        Ok(ExecStarted::Attached(Attachment { tty: wanted.tty, framed: !request.tty, input, output }))
    }

    async fn call_exec(&self, exec: &Exec, request: ExecRequest) -> Result<(), Error> {
        match self.processes().call(Request::Exec(Box::new(request)), Vec::new()).await {
            Ok((Reply::Started(started), fds)) => {
                let descriptors = Descriptors::collect(&started.fds, &mut fds.into_iter());
                self.exec_started(exec, started.pid, descriptors);
                Ok(())
            }
            Ok((other, _)) => Err(Error::Part { part: "keeper", message: format!("answered an exec with {other:?}") }),
            // The container's end, or its freezing, came first.
            Err(teu_keeper::Error::Refused(failure)) if failure.kind == FailureKind::Conflict => {
                Err(Error::Conflict(failure.message))
            }
            Err(teu_keeper::Error::Refused(failure)) if failure.kind == FailureKind::NotFound => {
                Err(Error::NotRunning(exec.container.id.clone()))
            }
            Err(teu_keeper::Error::Refused(failure)) => {
                let StartError { message, exit_code } = refusal(failure.kind, PREFIX, failure.message);
                // Docker reports everything that is not about the program as "cannot be executed".
                Err(StartError { message, exit_code: if exit_code == 128 { 126 } else { exit_code } }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the keeper is to run: the container's process, but for what the exec changes.
    async fn exec_process(&self, exec: &Arc<Exec>) -> Result<Process, Error> {
        let (engine, exec) = (self.clone(), Arc::clone(exec));
        let work = move || {
            let view = exec.container.view();
            let (config, host) = (&view.definition.config, &view.definition.host);
            let pid =
                view.state.run().map(|run| run.pid).ok_or_else(|| Error::NotRunning(exec.container.id.clone()))?;
            let wanted = &exec.request;
            if !wanted.working_dir.is_empty() && !wanted.working_dir.starts_with('/') {
                return Err(Error::Start(relative_directory()));
            }
            let user = if wanted.user.is_empty() { &config.user } else { &wanted.user };
            // It has ended, which will be told in a moment.
            let ended = |error| if is_missing(&error) { Error::NotRunning(exec.container.id.clone()) } else { error };
            let root = root_of(pid).map_err(ended)?;
            let groups = host.group_add.as_deref().unwrap_or(&[]);
            let account = Accounts::read(root.as_fd()).resolve(user, groups)?;
            let differences = ExecDifferences {
                args: wanted.cmd.clone().unwrap_or_default(),
                env: wanted.env.as_deref().unwrap_or(&[]),
                working_dir: &wanted.working_dir,
                tty: wanted.tty,
                privileged: wanted.privileged,
            };
            let process = exec_process(config, host, &account, engine.machine(), differences)?;
            apparmor::ensure(&process.apparmor_profile)?;
            Ok(process)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "exec", message: e.to_string() })?
    }

    /// An input that goes to the exec's standard input, and closes it at its end.
    fn exec_input(&self, exec: &Arc<Exec>) -> Option<Input> {
        let Phase::Running { descriptors, .. } = exec.phase() else { return None };
        let tty = exec.request.tty;
        let fd = if tty { descriptors.terminal.as_ref() } else { descriptors.stdin.as_ref() };
        let target: OwnedFd = fd?.try_clone().ok()?;
        drop(descriptors);
        let (input, reader, closing) = ClientInput::new();
        let (engine, exec) = (self.clone(), Arc::clone(exec));
        tokio::spawn(async move {
            pump(reader, target).await;
            if closing.load(Ordering::Acquire) && !tty {
                exec.close_stdin();
                let request = Request::CloseStdin { process: exec.process() };
                // The process may have ended: then there is nothing to close.
                if let Err(error) = engine.ask_keeper(&exec.container.id, request).await {
                    tracing::debug!(exec = exec.id, %error, "standard input was not closed");
                }
            }
        });
        Some(Box::pin(input))
    }
}

/// Whether nobody attaches to an exec.
fn is_detached(exec: &Exec, request: &StartRequest) -> bool {
    let wanted = &exec.request;
    request.detach || !(wanted.attach_stdin || wanted.attach_stdout || wanted.attach_stderr)
}

/// An attachment that says why there is no process.
fn told(message: &str, exec: &Exec, request: &StartRequest) -> Attachment {
    let text = format!("{message}\r\n");
    let mut output = Vec::new();
    if !request.tty {
        // A frame of standard output, as Docker's multiplexed streams have them.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        output.extend_from_slice(&[1, 0, 0, 0]);
        output.extend_from_slice(&length.to_be_bytes());
    }
    output.extend_from_slice(text.as_bytes());
    let output = futures_util::stream::iter([Ok(Bytes::from(output))]).boxed();
    Attachment { tty: exec.request.tty, framed: !request.tty, input: None, output }
}

/// Whether a process was not found.
fn is_missing(error: &Error) -> bool {
    let Error::File { source, .. } = error else { return false };
    source.kind() == std::io::ErrorKind::NotFound || source.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

/// The root of a process, as a descriptor.
fn root_of(pid: i32) -> Result<OwnedFd, Error> {
    let path = PathBuf::from(format!("/proc/{pid}/root"));
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, &path, flags, Mode::empty()).map_err(|errno| Error::File { path, source: errno.into() })
}
