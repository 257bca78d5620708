//! `start`: from what is wanted to a process.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use teu_keeper::Descriptors;
use teu_keeper::protocol::{
    FailureKind, PassedFd, ProcessRef, ProcessState, Reply, Request, RuntimeChoice, StartRequest, Started, WinSize,
};
use teu_network::{Endpoint, Sandbox};
use teu_oci::runtime::Spec;
use tokio::task::JoinHandle;

use super::actor::{Actor, Command};
use super::definition::Definition;
use super::mounts::{self, Opened};
use super::policy::Backoff;
use super::root::Rootfs;
use super::spec::{self, Inputs};
use super::state::{Failure, Phase, Reached, Run};
use super::user::{Account, Accounts};
use super::{cdi, link, log_target, marks, sandbox, validate};
use crate::backend::KEEPERS;
use crate::hookup::{Hookup, Output, hook_up};
use crate::{Engine, Error, StartError, apparmor};

/// How long the keeper may take to set a container up, its hooks included. Nobody waits longer for a start.
const KEEPER_PATIENCE: Duration = Duration::from_secs(115);

/// A keeper that is lost over a start after so long is taken to have hung in it, and to have been killed for that. Others die at any
/// moment, mostly sooner.
const HANGING: Duration = Duration::from_secs(5);

/// How many may hang in one start: all other containers wait as long.
const HUNG: u32 = 2;

/// Where containers see devices and the kernel's objects.
const SYSFS: &str = "/sys";

/// What Docker puts in front of the runtime's reason.
const PREFIX: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                      runc create failed: unable to start container process";

/// Who starts a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Starter {
    /// A client: forgets that it was stopped by hand, counts restarts anew, and the next pause before one is the shortest.
    User,
    /// A client's `restart`, after the end of the run before: a run that somebody else began meanwhile, the restart policy
    /// perhaps, is taken for its own, even if it is paused by now.
    Restart,
    /// The restart policy.
    Policy,
}

/// What can be made ready before the start is asked for.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) rootfs: OwnedFd,
    account: Account,
}

/// Whether a new sysfs is mounted where it belongs.
fn wants_sysfs(spec: &Spec) -> bool {
    spec.mounts.iter().any(|mount| mount.destination == Path::new(SYSFS) && mount.kind == "sysfs")
}

impl Engine {
    /// Starts a container.
    ///
    /// # Errors
    /// No such container; it runs already (`NotModified`), is paused or being removed; its image, network or
    /// program cannot be had.
    pub async fn container_start(&self, container: &str) -> Result<(), Error> {
        let handle = self.containers().find(container)?;
        handle.ask(|reply| Command::Start { by: Starter::User, hookup: None, reply }).await?;
        self.keep_told(&handle.id).await;
        Ok(())
    }
}

/// Mounts the root file system (or takes it from `shared`, if somebody has it mounted), finds the user in it and writes the files that do not depend on the network.
pub(super) fn prepare(
    engine: &Engine,
    definition: &Arc<Definition>,
    shared: Weak<Rootfs>,
) -> JoinHandle<Result<Prepared, Error>> {
    let engine = engine.clone();
    let definition = Arc::clone(definition);
    tokio::task::spawn_blocking(move || {
        let rootfs = match shared.upgrade().and_then(|shared| shared.another()) {
            Some(rootfs) => rootfs,
            None => engine.images().mount(&definition.id)?,
        };
        let groups = definition.host.group_add.as_deref().unwrap_or(&[]);
        // Not worth a start that fails: a full disk lets programs that write nothing run all the same.
        if !engine.images().is_over_init(&definition.id)?
            && let Err(error) = marks::leave(rootfs.as_fd(), definition.root())
        {
            tracing::warn!(container = definition.id, %error, "/.dockerenv and /etc/mtab could not be made");
        }
        let account = Accounts::read(rootfs.as_fd()).resolve(&definition.config.user, groups)?;
        engine.container_files(&definition.id).prepare(&definition, engine.config())?;
        Ok(Prepared { rootfs, account })
    })
}

/// A container's process that runs now.
struct Launched {
    run: StartedRun,
    endpoints: Arc<[Endpoint]>,
    /// Its output, if somebody wants it from the beginning.
    output: Option<Output>,
}

/// What the keeper gave.
struct StartedRun {
    started: Started,
    descriptors: Descriptors,
    mounts: Option<OwnedFd>,
}

impl Actor {
    /// Starts the container. Yields the output that `hookup` asks for, if it does.
    pub(super) async fn start(&mut self, by: Starter, hookup: Option<Hookup>) -> Result<Option<Output>, Error> {
        let view = self.view();
        let id = &self.handle.id;
        match &view.state.phase {
            Phase::Running(_) | Phase::Paused(_) if by == Starter::Restart => {
                self.count_anew();
                return Ok(None);
            }
            Phase::Running(_) => return Err(Error::NotModified(id.clone())),
            Phase::Paused(_) => {
                return Err(Error::Conflict("cannot start a paused container, try unpause instead".to_owned()));
            }
            phase if self.is_gone_for(phase) => {
                return Err(Error::Conflict("container is marked for removal and cannot be started".to_owned()));
            }
            _ => {}
        }
        self.restart_at = None;
        self.restarting = false;
        self.settle().await;
        let mut reached = Reached::Nothing;
        let (mut begun, mut hung) = (Instant::now(), 0);
        let mut launched = self.launch(&view.definition, hookup.as_ref(), &mut reached).await;
        for _ in 1..KEEPERS {
            let Err(Error::KeeperLost) = launched else { break };
            hung += u32::from(begun.elapsed() >= HANGING);
            if hung == HUNG {
                break;
            }
            // It never ran: with another keeper it may.
            self.tear_down(Arc::clone(&self.view().endpoints), false);
            self.settle().await;
            // What the keeper had made of it may still wait there for its start.
            self.clear().await;
            begun = Instant::now();
            launched = self.launch(&view.definition, hookup.as_ref(), &mut reached).await;
        }
        match launched {
            Ok(launched) => Ok(self.started(launched, by)),
            Err(error) => {
                self.start_failed(&error, reached).await;
                Err(error)
            }
        }
    }

    fn started(&mut self, launched: Launched, by: Starter) -> Option<Output> {
        let Launched { run: StartedRun { started, descriptors, mounts }, endpoints, output } = launched;
        self.hold(descriptors, mounts, started.pid);
        self.change(|next| {
            next.endpoints = endpoints;
            next.begun = Some(Instant::now());
            next.state.has_been_started = true;
            next.state.briefly_frozen = false;
            next.state.out_of_memory = false;
            next.state.last_finished = next.state.last_exit().map(|exit| exit.finished_at);
            next.state.phase = Phase::Running(Run { pid: started.pid, started_at: started.started_at });
            // `always` starts at the engine's start what a user had stopped: from then on its policy holds again.
            next.state.stopped_by_user = false;
        });
        if by != Starter::Policy {
            self.count_anew();
        }
        self.engine.volumes_mounted(&self.view().definition);
        self.event("start", &[]);
        self.begin_health();
        self.watch_memory();
        self.engine.shippers().ensure(&self.engine, &self.handle);
        output
    }

    /// A client has started it: restarts by its policy before that do not count, and the next is soon.
    fn count_anew(&mut self) {
        self.backoff = Backoff::default();
        if self.view().state.restart_count != 0 {
            self.change(|next| next.state.restart_count = 0);
        }
    }

    /// Records why it did not start.
    async fn start_failed(&mut self, error: &Error, reached: Reached) {
        self.tear_down(Arc::clone(&self.view().endpoints), false);
        self.unreserve();
        let exit_code = match error {
            Error::Start(start) => start.exit_code,
            _ => 128,
        };
        let failure = Failure { message: error.to_string(), exit_code, reached };
        self.change(|next| {
            next.endpoints = Arc::default();
            next.state.phase = match next.state.phase.clone() {
                Phase::Exited { exit, .. } | Phase::Restarting(exit) => Phase::Exited { exit, failure: Some(failure) },
                Phase::Created { .. } => Phase::Created { failure: Some(failure) },
                other => other,
            };
        });
        if self.view().definition.host.auto_remove
            && let Err(error) = self.remove(true).await
        {
            tracing::error!(container = self.handle.id, %error, "a container that did not start could not be removed");
        }
    }

    /// Gets everything the process needs and has the keeper start it. `reached` tells how far that came.
    async fn launch(
        &mut self,
        definition: &Arc<Definition>,
        hookup: Option<&Hookup>,
        reached: &mut Reached,
    ) -> Result<Launched, Error> {
        let begun = Instant::now();
        let links = link::of(&self.engine, definition)?;
        self.reserve(definition);
        let prepared = self.take_prepared().unwrap_or_else(|| prepare(&self.engine, definition, self.shared.clone()));
        let profile = self.ensure_profile(definition);
        let attached = sandbox::attach(&self.engine, definition);
        let (prepared, attached, ensured, output) = tokio::join!(prepared, attached, profile, self.output(hookup));
        ensured?;
        let output = output?;
        let prepared = prepared.map_err(|e| Error::Part { part: "start", message: e.to_string() })?;
        let Sandbox { netns, user, sysfs, endpoint, others } = attached?;
        let endpoints: Arc<[Endpoint]> = std::iter::once(endpoint).chain(others).collect();
        *reached = Reached::Files;
        let Prepared { rootfs, account } = prepared?;
        let (rootfs, opened) = self.open_mounts(definition, rootfs).await?;
        let inputs = Inputs {
            definition,
            account: &account,
            files: &sandbox::files(&self.engine, definition)?,
            machine: self.engine.machine(),
            joins: sandbox::joins(&self.engine, definition)?,
            own_network: netns.is_some(),
            linked: links.iter().flat_map(|link| link.environment(&definition.name)).collect(),
            init: self.engine.init_program(&definition.host)?,
            cgroup_path: self.engine.cgroup_path(definition),
        };
        let mut spec = spec::build(&inputs)?;
        for edits in cdi::edits(&definition.host, &self.engine.config().cdi_folders)? {
            edits.apply(&mut spec)?;
        }
        let mut roles = vec![PassedFd::Rootfs];
        let mut fds = vec![rootfs];
        if let Some(netns) = netns {
            roles.push(PassedFd::NetworkNamespace);
            fds.push(netns);
        }
        if let Some(user) = user {
            roles.push(PassedFd::UserNamespace);
            fds.push(user);
        }
        if let Some(shm) = sandbox::shared_memory(&self.engine, definition).await? {
            roles.push(PassedFd::MountSource("/dev/shm".into()));
            fds.push(shm);
        }
        let runtime = self.engine.runtime_choice(&definition.host.runtime)?;
        if let Some(sysfs) = sysfs.filter(|_| runtime == RuntimeChoice::Native && wants_sysfs(&spec)) {
            roles.push(PassedFd::MountSource(SYSFS.into()));
            fds.push(sysfs);
        }
        for Opened { destination, fd } in opened {
            roles.push(PassedFd::MountSource(destination));
            fds.push(fd);
        }
        *reached = Reached::Log;
        validate::sysctls_of_host(&definition.host)?;
        // Recorded before the process exists: whatever dies from here on, the endpoint is known to belong to somebody.
        self.change(|next| next.endpoints = Arc::clone(&endpoints));
        let [rows, cols] = definition.host.console_size.map(|n| u16::try_from(n).unwrap_or(u16::MAX));
        let request = StartRequest {
            id: definition.id.clone(),
            spec: Box::new(spec),
            terminal: definition.config.tty.then_some(WinSize { rows, cols }),
            open_stdin: definition.config.open_stdin,
            log: log_target::of(definition, &self.engine.container_files(&definition.id))?,
            cgroup_path: inputs.cgroup_path.clone(),
            runtime,
            hold_signals: inputs.init.is_some() && self.engine.config().init_path.is_none(),
            fds: roles,
        };
        let ready = begun.elapsed();
        let run = self.call_start(request, fds).await?;
        tracing::debug!(container = definition.id, ?ready, all = ?begun.elapsed(), "started");
        Ok(Launched { run, endpoints, output })
    }

    /// Asks for the output before the start, so that nothing of it is missed.
    async fn output(&self, hookup: Option<&Hookup>) -> Result<Option<Output>, Error> {
        match hookup {
            Some(hookup) => Ok(Some(Output(hook_up(&self.engine, hookup.clone()).await?))),
            None => Ok(None),
        }
    }

    /// Makes sure that the container's AppArmor profile can be used.
    async fn ensure_profile(&self, definition: &Definition) -> Result<(), Error> {
        let profile = spec::apparmor_profile(&definition.host, self.engine.machine());
        if profile != apparmor::DEFAULT {
            return Ok(());
        }
        let ensured = tokio::task::spawn_blocking(move || apparmor::ensure(&profile)).await;
        ensured.map_err(|e| Error::Part { part: "start", message: e.to_string() })?
    }

    /// Opens what is mounted, away from the runtime's threads, if anything is.
    async fn open_mounts(
        &self,
        definition: &Arc<Definition>,
        rootfs: OwnedFd,
    ) -> Result<(OwnedFd, Vec<Opened>), Error> {
        if definition.mounts.is_empty() {
            return Ok((rootfs, Vec::new()));
        }
        let (engine, definition) = (self.engine.clone(), Arc::clone(definition));
        let work = move || {
            let opened = mounts::open(&definition, rootfs.as_fd(), engine.volumes())?;
            Ok((rootfs, opened))
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "start", message: e.to_string() })?
    }

    /// Has the keeper start it. If the keeper dies meanwhile, its successor knows whether the start took effect.
    async fn call_start(&self, request: StartRequest, fds: Vec<OwnedFd>) -> Result<StartedRun, Error> {
        let processes = self.engine.processes();
        let epoch = processes.epoch();
        let call = processes.call(Request::Start(Box::new(request)), fds);
        let answer = tokio::time::timeout(KEEPER_PATIENCE, call).await;
        match answer {
            Ok(Ok((Reply::Started(started), fds))) => {
                let mut fds = fds.into_iter();
                let descriptors = Descriptors::collect(&started.fds, &mut fds);
                let mounts = fds.next().filter(|_| started.mount_namespace);
                Ok(StartedRun { started, descriptors, mounts })
            }
            Ok(Ok((other, _))) => {
                Err(Error::Part { part: "keeper", message: format!("answered a start with {other:?}") })
            }
            Ok(Err(teu_keeper::Error::Gone)) => self.find_started(epoch).await,
            Ok(Err(teu_keeper::Error::Refused(failure))) => Err(refusal(failure.kind, PREFIX, failure.message).into()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Error::Unavailable(format!("the keeper did not start container {} in time", self.handle.id))),
        }
    }

    /// Asks a new keeper for a container that its predecessor was told to start.
    async fn find_started(&self, epoch: u64) -> Result<StartedRun, Error> {
        self.engine.processes().renewed(epoch).await?;
        let wanted = ProcessRef::container(&self.handle.id);
        let found = self.engine.list_processes().await?.into_iter().find(|listed| listed.state.process == wanted);
        let found = found.ok_or(Error::KeeperLost)?;
        let ProcessState { pid, started_at, fds, .. } = found.state;
        let started = Started { pid, started_at, fds, mount_namespace: false };
        Ok(StartedRun { started, descriptors: found.fds, mounts: None })
    }
}

/// What Docker adds where something is not a directory.
const NOT_A_DIRECTORY: &str = ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified \
                               host path exists and is the expected type";

/// A keeper's refusal as Docker words it: its clients derive their own exit code from the text. Docker goes by the text
/// alone; what that does not tell, the kind does.
pub(crate) fn refusal(kind: FailureKind, prefix: &str, message: String) -> StartError {
    let lower = message.to_lowercase();
    let has = |words: &str| lower.contains(words);
    let (exit_code, addition) = match kind {
        _ if has("not a directory") => (127, NOT_A_DIRECTORY),
        _ if has("is a directory") => (126, ": permission denied"),
        _ if has("permission denied") => (126, ""),
        _ if has("executable file not found") || has("no such file or directory") => (127, ""),
        FailureKind::CommandNotFound => (127, ": executable file not found in $PATH"),
        FailureKind::CommandNotExecutable => (126, ""),
        _ => (128, ""),
    };
    StartError { message: format!("{prefix}: {message}: unknown{addition}"), exit_code }
}

#[cfg(test)]
mod tests {
    use super::{FailureKind, refusal};

    #[test]
    fn texts_that_clients_look_for() {
        use FailureKind::{CommandNotExecutable, CommandNotFound, Failed};
        let cases = [
            (CommandNotFound, "exec: \"foo\"", "exec: \"foo\": unknown: executable file not found in $PATH", 127),
            (
                CommandNotFound,
                "x: executable file not found in $PATH",
                "x: executable file not found in $PATH: unknown",
                127,
            ),
            (
                CommandNotFound,
                "stat /foo: no such file or directory",
                "stat /foo: no such file or directory: unknown",
                127,
            ),
            (CommandNotExecutable, "x: Permission denied", "x: Permission denied: unknown", 126),
            (CommandNotExecutable, "x: is a directory", "x: is a directory: unknown: permission denied", 126),
            (CommandNotExecutable, "x: exec format error", "x: exec format error: unknown", 126),
            (Failed, "sysctl: No such file or directory", "sysctl: No such file or directory: unknown", 127),
            (Failed, "x: too many levels of symbolic links", "x: too many levels of symbolic links: unknown", 128),
            (Failed, "mounting /proc", "mounting /proc: unknown", 128),
        ];
        for (kind, message, text, code) in cases {
            let refused = refusal(kind, "p", message.to_owned());
            assert_eq!((refused.message, refused.exit_code), (format!("p: {text}"), code));
        }
        let mount = refusal(Failed, "p", "mount /x: not a directory".to_owned());
        assert!(
            mount.message.contains("unknown: Are you trying to mount a directory onto a file"),
            "{}",
            mount.message
        );
        assert_eq!(mount.exit_code, 127);
    }
}
