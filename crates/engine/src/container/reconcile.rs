//! One container after a restart of the engine or of the keeper: what should be against what is.

use std::sync::Arc;

use teu_keeper::Listed;
use teu_keeper::protocol::{AdoptRequest, Health, ProcessRef, Request};
use teu_sys::cgroup::Cgroup;
use tokio::time::Instant;

use super::actor::Actor;
use super::exit::unknown_exit;
use super::state::{Phase, Run};
use crate::Error;

impl Actor {
    /// Brings the container's state in line with what the keeper of `epoch` knew of it when it was `asked`.
    pub(super) async fn reconcile(
        &mut self,
        listed: Option<Listed>,
        asked: std::time::Instant,
        epoch: u64,
        revive: bool,
    ) -> Result<(), Error> {
        if self.view().state.is_up() && self.view().begun.is_some_and(|begun| begun >= asked) {
            return Ok(());
        }
        let fresh = self.handle.descriptors().is_none();
        match listed {
            Some(listed) => self.reconcile_listed(listed, epoch).await?,
            None if self.view().state.is_up() => {
                tracing::warn!(container = self.handle.id, "nobody knows how the container ended");
                self.clear().await;
                self.exited(unknown_exit()).await;
            }
            None => {}
        }
        if revive {
            self.thaw_left().await;
        }
        if fresh && self.view().state.is_up() {
            self.resume_health();
            self.watch_memory();
        }
        if revive && !self.view().removed {
            self.apply_policy().await;
        }
        // Lines of an earlier run may be left, too.
        self.engine.shippers().ensure(&self.engine, &self.handle);
        Ok(())
    }

    async fn reconcile_listed(&mut self, listed: Listed, epoch: u64) -> Result<(), Error> {
        let run = Run { pid: listed.state.pid, started_at: listed.state.started_at };
        let was_up = self.view().state.is_up();
        if !was_up && matches!(listed.state.health, Health::Running | Health::Exited(_) | Health::Orphaned) {
            // The engine died between the start and its record, or before an exit was acknowledged.
            let known = self.view().state.last_exit().is_some_and(|exit| exit.started_at == Some(run.started_at));
            if known {
                self.tear_down(Arc::default(), true);
                return Ok(());
            }
        }
        let frozen = self.is_frozen();
        let phase = if frozen { Phase::Paused(run) } else { Phase::Running(run) };
        if self.view().state.phase != phase {
            self.change(|next| {
                next.state.has_been_started = true;
                next.state.phase = phase;
                // Started, and answered perhaps, after what was stored last: its policy holds again.
                next.state.stopped_by_user &= was_up;
            });
        }
        match listed.state.health {
            Health::Exited(record) => {
                self.exited(record).await;
                Ok(())
            }
            Health::Running | Health::Orphaned => self.adopt(listed, epoch).await,
        }
    }

    /// Ends whatever still runs of a container that the keeper does not know.
    pub(super) async fn clear(&self) {
        let engine = self.engine.clone();
        let path = engine.cgroup_path(&self.view().definition);
        // A panic is logged by the runtime.
        drop(tokio::task::spawn_blocking(move || engine.clear_cgroup(&path)).await);
    }

    /// Gives the keeper the descriptors that are held here, or takes over those that it has.
    async fn adopt(&mut self, listed: Listed, epoch: u64) -> Result<(), Error> {
        let process = ProcessRef::container(&self.handle.id);
        let (roles, fds) = match self.handle.descriptors() {
            Some(held) => held.duplicate().map_err(|source| Error::File { path: "descriptors".into(), source })?,
            None => {
                self.hold(listed.fds, None, listed.state.pid);
                // The keeper is told that there is nothing to wait for.
                (Vec::new(), Vec::new())
            }
        };
        let request = Request::Adopt(AdoptRequest { process, fds: roles });
        self.engine.processes().call_at(epoch, request, fds).await?;
        Ok(())
    }

    /// Asks the kernel whether the container is frozen: a client may have frozen it without the engine's knowledge.
    fn is_frozen(&self) -> bool {
        let Some(hierarchy) = &self.engine.machine().hierarchy else { return false };
        let path = self.engine.cgroup_path(&self.view().definition);
        Cgroup::open(hierarchy, &path).and_then(|group| group.is_frozen()).unwrap_or(false)
    }

    /// Starts or removes what does not run, as its policy says.
    async fn apply_policy(&mut self) {
        let view = self.view();
        let state = &view.state;
        match &state.phase {
            Phase::Running(_) | Phase::Paused(_) => {}
            Phase::Removing { .. } | Phase::Dead { .. } => {
                let last = state.last_exit().cloned();
                self.change(|next| next.state.phase = Phase::Dead { last });
                if let Err(error) = self.remove(false).await {
                    tracing::error!(container = self.handle.id, %error, "an interrupted removal could not be finished");
                }
            }
            Phase::Restarting(_) => self.restart_at = Some(Instant::now()),
            Phase::Created { .. } | Phase::Exited { .. } => {
                let policy = view.definition.policy();
                let starts = state.has_been_started
                    && policy.starts_with_engine(state.last_exit(), state.restart_count, state.stopped_by_user);
                if starts {
                    self.restart_at = Some(Instant::now());
                } else if view.definition.host.auto_remove
                    && state.has_been_started
                    && let Err(error) = self.remove(true).await
                {
                    tracing::error!(container = self.handle.id, %error, "the container could not be removed after its end");
                }
            }
        }
    }
}
