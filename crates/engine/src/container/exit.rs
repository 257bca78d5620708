//! The end of a run: recorded and told first, cleaned up after.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use teu_keeper::protocol::{self, ExitRecord, ProcessRef};
use teu_network::Endpoint;
use tokio::time::Instant;

use super::actor::{Actor, seconds_between};
use super::handle::View;
use super::state::{Exit, ExitStatus, Phase, Run};
use crate::Engine;

impl From<protocol::ExitStatus> for ExitStatus {
    fn from(status: protocol::ExitStatus) -> ExitStatus {
        match status {
            protocol::ExitStatus::Exited(code) => ExitStatus::Code(code),
            protocol::ExitStatus::Signaled(signal) => ExitStatus::Signal(signal),
            protocol::ExitStatus::Unknown => ExitStatus::Unknown,
        }
    }
}

impl Actor {
    /// Its process has ended. Tells whoever waits, then cleans up, then restarts or removes as wanted.
    pub(super) async fn exited(&mut self, record: ExitRecord) {
        let view = self.view();
        // Told twice, by an event and by reconciliation: this is the end of an earlier run.
        let Some(run) = view.state.run().filter(|run| is_end_of(run, &record)) else {
            if !view.state.is_up() {
                let (engine, id) = (self.engine.clone(), self.handle.id.clone());
                // Of a run that nobody knew, or of one whose end the keeper was not told to be known.
                tokio::spawn(async move { engine.forget_run(&id).await });
            }
            return;
        };
        let exit = Exit {
            status: record.status.into(),
            started_at: Some(run.started_at),
            finished_at: record.at,
            oom_killed: record.oom_killed || view.state.out_of_memory,
        };
        // The clock may have been set since.
        let steadily = view.begun.and_then(|begun| i64::try_from(begun.elapsed().as_secs()).ok());
        let lasted = steadily.unwrap_or_else(|| seconds_between(run.started_at, record.at));
        let state = &view.state;
        let restart = view.definition.policy().restarts(exit.status, state.restart_count, state.stopped_by_user);
        // Unless that was told when it happened.
        if exit.oom_killed && !view.state.out_of_memory {
            self.event("oom", &[]);
        }
        let code = exit.status.code();
        tracing::debug!(container = self.handle.id, ?exit, restart, "ended");
        self.monitor = None;
        self.memory = None;
        // Whoever knows of its end finds it nowhere any more.
        self.engine.sandboxes().hide(&self.handle.id);
        self.change(|next| end(next, exit, restart));
        // They were mounted where the process was, and went with it.
        self.engine.volumes_unmounted(&view.definition);
        self.event("die", &[("execDuration", lasted.to_string()), ("exitCode", code.to_string())]);
        self.handle.hold(None);
        self.tear_down(Arc::clone(&view.endpoints), true);
        if restart {
            let lasted = Duration::from_secs(u64::try_from(lasted).unwrap_or(0));
            self.restart_at = Some(Instant::now() + self.backoff.next(lasted));
        } else if view.definition.host.auto_remove
            && !std::mem::take(&mut self.restarting)
            && let Err(error) = self.remove(true).await
        {
            tracing::error!(container = self.handle.id, %error, "the container could not be removed after its end");
        }
    }

    /// Gives back in the background what the run had: its mounts, its network and, if it ran, the keeper's record of it. The next
    /// start waits for it.
    pub(super) fn tear_down(&mut self, endpoints: Arc<[Endpoint]>, ran: bool) {
        let engine = self.engine.clone();
        let id = self.handle.id.clone();
        let before = self.teardown.take();
        let mounts = self.mounts.take();
        let pending = engine.teardowns().begin(&id);
        self.teardown = Some(tokio::spawn(async move {
            if let Some(before) = before {
                // A panic there is logged by the runtime; this run's clean-up goes on.
                drop(before.await);
            }
            if let Some(mounts) = mounts {
                // Takes the namespace apart. A panic is logged by the runtime.
                drop(tokio::task::spawn_blocking(move || drop(mounts)).await);
            }
            let release = engine.release_sandbox(&id, endpoints);
            if ran {
                tokio::join!(release, engine.forget_run(&id));
            } else {
                release.await;
            }
            drop(pending);
        }));
    }
}

impl Engine {
    /// Tells the keeper that a container's exit is stored, once it is.
    async fn forget_run(&self, id: &str) {
        // Not stored: the keeper keeps the record, and the next start of the engine finds it.
        if let Err(error) = self.store().flush().done().await {
            tracing::error!(container = id, %error, "the exit could not be stored");
            return;
        }
        self.acknowledged(ProcessRef::container(id)).await;
    }
}

fn end(view: &mut View, exit: Exit, restart: bool) {
    view.exits += 1;
    view.endpoints = Arc::default();
    if let Some(health) = &mut view.health {
        Arc::make_mut(health).end();
    }
    view.state.phase = if restart {
        view.state.restart_count += 1;
        Phase::Restarting(exit)
    } else {
        Phase::Exited { exit, failure: None }
    };
}

/// Whether an exit is that of a run.
fn is_end_of(run: &Run, record: &ExitRecord) -> bool {
    match record.started_at {
        Some(started_at) => started_at == run.started_at,
        // Unknown is what is found out about the current run. Else an earlier version recorded it: the clock has to do.
        None => record.status == protocol::ExitStatus::Unknown || run.started_at <= record.at,
    }
}

/// A record for a process of whose end nothing is known but that it came.
pub(crate) fn unknown_exit() -> ExitRecord {
    ExitRecord { status: protocol::ExitStatus::Unknown, at: Timestamp::now(), oom_killed: false, started_at: None }
}
