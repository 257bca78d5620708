//! The one owner of a container's transitions.
//!
//! Every change of a container's state happens here, one after the other, so that there is nothing to lock and no
//! two operations can meet half-way. What may take long (waiting for a process to end, deleting files) happens
//! elsewhere: the actor is always about to read its next message, but while it starts the container.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use teu_api::container::UpdateRequest;
use teu_api::network::EndpointSettings;
use teu_keeper::protocol::ExitRecord;
use teu_keeper::{Descriptors, Listed};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::handle::{Handle, View};
use super::oom::MemoryWatch;
use super::policy::Backoff;
use super::root::{Lease, Rootfs};
use super::start::{Prepared, Starter};
use super::state::Phase;
use crate::health::{Check, Finding, Monitor};
use crate::hookup::{Hookup, Output};
use crate::store::Write;
use crate::{Engine, Error};

/// A root file system that was mounted ahead of a start is given up after this time.
const PREPARED_FOR: Duration = Duration::from_secs(20);

/// Where the answer goes.
pub(crate) type Reply = oneshot::Sender<Result<(), Error>>;

/// What a signal is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Whatever the program makes of it.
    Tell,
    /// A user wants the container to end and to stay so.
    Stop,
    /// A user wants it to end and starts it again: it stays even if it is to be removed after its end.
    Restart,
}

/// What a container's actor reads. A channel makes room for 32 messages at once, however few there are: they are boxed.
pub(super) type Inbox = mpsc::UnboundedReceiver<Box<Command>>;

/// What an actor is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Mount the root file system ahead of the start that is about to be asked for.
    Prepare,
    Start {
        by: Starter,
        /// What output is wanted from the beginning.
        hookup: Option<Hookup>,
        reply: oneshot::Sender<Result<Option<Output>, Error>>,
    },
    /// Send a signal.
    Signal {
        signal: i32,
        intent: Intent,
        reply: Reply,
    },
    /// Lend the container's files.
    Root(oneshot::Sender<Result<Lease, Error>>),
    Pause {
        /// For the engine's own purpose; undone if it dies meanwhile.
        briefly: bool,
        reply: Reply,
    },
    Unpause(Reply),
    Rename {
        name: String,
        reply: Reply,
    },
    /// Connect to a network, by its name.
    Connect {
        network: String,
        settings: Box<EndpointSettings>,
        reply: Reply,
    },
    /// Disconnect from a network, by its name.
    Disconnect {
        network: String,
        reply: Reply,
    },
    /// Remove a link to another container.
    Unlink {
        alias: String,
        reply: Reply,
    },
    Update {
        request: Box<UpdateRequest>,
        reply: Reply,
    },
    /// Remove a container that does not run.
    Remove {
        volumes: bool,
        reply: Reply,
    },
    /// Wait until what the last run left behind is cleaned up.
    Settle(Reply),
    /// Its process has ended.
    Exited(ExitRecord),
    /// The kernel has killed a process of the run that began at `run`, for want of memory.
    OutOfMemory {
        run: Timestamp,
    },
    /// A health check of the run that began at `run` has found something.
    Probed {
        run: Timestamp,
        /// The run's age when the probe was begun.
        age: Duration,
        finding: Box<Finding>,
        reply: Reply,
    },
    /// A new engine or a new keeper compares what should be with what is.
    Reconcile {
        listed: Option<Listed>,
        /// When the keeper was asked: what happened since is news that it could not tell.
        asked: std::time::Instant,
        /// Which keeper that was: no other is told anything.
        epoch: u64,
        /// It is the engine that is new: restart policies start what does not run.
        revive: bool,
        reply: Reply,
    },
}

/// The actor.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(super) engine: Engine,
    pub(super) handle: Arc<Handle>,
    inbox: Inbox,
    /// Root file system that was mounted ahead of the start.
    pub(super) prepared: Option<JoinHandle<Result<Prepared, Error>>>,
    prepared_until: Option<Instant>,
    /// The mount namespace of the current run. The kernel takes a namespace apart when its last user is gone, and
    /// tells nobody of the end of a process that was the last user before it is done (0.5 ms to 10 ms): so it is not.
    pub(super) mounts: Option<OwnedFd>,
    /// The container's files, as long as somebody copies some while it does not run.
    pub(super) shared: Weak<Rootfs>,
    /// Clean-up after the last run.
    pub(super) teardown: Option<JoinHandle<()>>,
    pub(super) backoff: Backoff,
    /// When the restart policy starts it again.
    pub(super) restart_at: Option<Instant>,
    /// A user is about to start it again after its end.
    pub(super) restarting: bool,
    /// When the run began that was sent a `SIGKILL` last.
    pub(super) killed: Option<Timestamp>,
    /// Its health check, if it has one and has been started.
    pub(super) check: Option<Arc<Check>>,
    /// Who asks for its health while it runs.
    pub(super) monitor: Option<Monitor>,
    /// Who waits for it to run out of memory.
    pub(super) memory: Option<MemoryWatch>,
}

impl Actor {
    /// Starts the actor of a container.
    pub(crate) fn spawn(engine: Engine, handle: Arc<Handle>, inbox: Inbox) {
        let actor = Actor {
            engine,
            handle,
            inbox,
            prepared: None,
            prepared_until: None,
            mounts: None,
            shared: Weak::new(),
            teardown: None,
            backoff: Backoff::default(),
            restart_at: None,
            restarting: false,
            killed: None,
            check: None,
            monitor: None,
            memory: None,
        };
        tokio::spawn(actor.run());
    }

    /// Takes over the descriptors of a run, its mount namespace among them if the keeper has opened it.
    pub(super) fn hold(&mut self, descriptors: Descriptors, mounts: Option<OwnedFd>, pid: i32) {
        let found = |fd: &OwnedFd| teu_sys::pidfd::mount_namespace(fd.as_fd(), pid).ok();
        // What has ended already, and what is denied, is only told of a little later.
        self.mounts = mounts.or_else(|| descriptors.pidfd.as_ref().and_then(found));
        self.handle.hold(Some(descriptors));
    }

    async fn run(mut self) {
        loop {
            let due = [self.restart_at, self.prepared_until].into_iter().flatten().min();
            let command = match due {
                None => self.inbox.recv().await,
                Some(due) => match tokio::time::timeout_at(due, self.inbox.recv()).await {
                    Ok(command) => command,
                    Err(_) => {
                        self.due().await;
                        continue;
                    }
                },
            };
            let Some(command) = command else { return };
            self.handle_command(*command).await;
            if self.view().removed {
                return;
            }
        }
    }

    async fn handle_command(&mut self, command: Command) {
        match command {
            Command::Prepare => {
                self.prepared = Some(super::start::prepare(&self.engine, &self.view().definition, self.shared.clone()));
                self.prepared_until = Some(Instant::now() + PREPARED_FOR);
            }
            // Boxed: the largest of all futures would otherwise be part of every idle actor.
            Command::Start { by, hookup, reply } => answer(reply, Box::pin(self.start(by, hookup)).await),
            Command::Signal { signal, intent, reply } => answer(reply, Box::pin(self.signal(signal, intent)).await),
            Command::Root(reply) => Box::pin(self.root(reply)).await,
            Command::Pause { briefly: false, reply } => answer(reply, Box::pin(self.pause()).await),
            Command::Pause { briefly: true, reply } => answer(reply, Box::pin(self.freeze_briefly()).await),
            Command::Unpause(reply) => answer(reply, Box::pin(self.freeze(false)).await),
            Command::Unlink { alias, reply } => answer(reply, Box::pin(self.unlink(alias)).await),
            Command::Connect { network, settings, reply } => {
                answer(reply, Box::pin(self.connect(network, *settings)).await);
            }
            Command::Disconnect { network, reply } => answer(reply, Box::pin(self.disconnect(network)).await),
            Command::Rename { name, reply } => answer(reply, Box::pin(self.rename(name)).await),
            Command::Update { request, reply } => answer(reply, Box::pin(self.update(*request)).await),
            Command::Remove { volumes, reply } => answer(reply, Box::pin(self.remove(volumes)).await),
            Command::Settle(reply) => {
                self.settle().await;
                answer(reply, Ok(()));
            }
            Command::Probed { run, age, finding, reply } => {
                self.probed(run, age, *finding);
                answer(reply, Ok(()));
            }
            Command::OutOfMemory { run } => self.out_of_memory(run),
            Command::Exited(record) => Box::pin(self.exited(record)).await,
            Command::Reconcile { listed, asked, epoch, revive, reply } => {
                answer(reply, Box::pin(self.reconcile(listed, asked, epoch, revive)).await);
            }
        }
    }

    /// What was set for a certain time is due.
    async fn due(&mut self) {
        let now = Instant::now();
        if self.prepared_until.is_some_and(|at| at <= now) {
            self.drop_prepared();
        }
        if self.restart_at.is_some_and(|at| at <= now) {
            self.restart_at = None;
            if let Err(error) = Box::pin(self.start(Starter::Policy, None)).await {
                tracing::warn!(container = self.handle.id, %error, "the restart policy could not start the container");
            }
        }
    }

    /// Waits for the clean-up after the last run.
    pub(super) async fn settle(&mut self) {
        if let Some(teardown) = self.teardown.take() {
            // A panic there is logged by the runtime.
            drop(teardown.await);
        }
    }

    /// Lets go of a root file system that was mounted ahead.
    pub(super) fn drop_prepared(&mut self) {
        self.prepared_until = None;
        // The mount goes when the task's result is dropped, now or when it is done.
        self.prepared = None;
    }

    /// Takes over the root file system that was mounted ahead.
    pub(super) fn take_prepared(&mut self) -> Option<JoinHandle<Result<Prepared, Error>>> {
        self.prepared_until = None;
        self.prepared.take()
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.handle.view()
    }

    /// Publishes a change, then hands it to the database.
    pub(super) fn change(&self, change: impl FnOnce(&mut View)) -> Arc<View> {
        let view = self.handle.publish(change);
        match super::stored::state(&view) {
            Ok(state) => self.engine.store().put(Write::State { id: self.handle.id.clone(), state }),
            Err(error) => tracing::error!(container = self.handle.id, %error, "a change is in memory only"),
        }
        view
    }

    /// Publishes an event with the container's attributes and `more`.
    pub(super) fn event(&self, action: &str, more: &[(&str, String)]) {
        self.engine.container_event(&self.view().definition, action, more);
    }

    /// The last end of a run, if it does not run.
    pub(super) fn is_gone_for(&self, phase: &Phase) -> bool {
        matches!(phase, Phase::Removing { .. } | Phase::Dead { .. })
    }
}

/// Answers; the client may have gone away meanwhile.
fn answer<T>(reply: oneshot::Sender<Result<T, Error>>, result: Result<T, Error>) {
    drop(reply.send(result));
}

/// Nanoseconds between two times, for `execDuration`, in whole seconds.
pub(super) fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().max(0)
}
