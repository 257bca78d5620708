//! `pause` and `unpause`: freezing a container.

use teu_keeper::protocol::Request;

use super::actor::{Actor, Command};
use super::state::Phase;
use crate::{Engine, Error};

impl Engine {
    /// Freezes every process of a container.
    ///
    /// # Errors
    /// No such container; it is not running or frozen already.
    pub async fn container_pause(&self, container: &str) -> Result<(), Error> {
        self.containers().find(container)?.ask(|reply| Command::Pause { briefly: false, reply }).await
    }

    /// Thaws a container.
    ///
    /// # Errors
    /// No such container; it is not frozen.
    pub async fn container_unpause(&self, container: &str) -> Result<(), Error> {
        self.containers().find(container)?.ask(Command::Unpause).await
    }
}

impl Actor {
    /// Freezes for a client.
    pub(super) async fn pause(&mut self) -> Result<(), Error> {
        // What is frozen before it is gone does not go: whoever has killed it would wait for its end in vain.
        let view = self.view();
        if view.state.run().is_some_and(|run| self.killed == Some(run.started_at)) {
            return Err(not_running(&self.handle.id));
        }
        self.freeze(true).await
    }

    /// Freezes for the engine's own purpose.
    pub(super) async fn freeze_briefly(&mut self) -> Result<(), Error> {
        self.change(|next| next.state.briefly_frozen = true);
        // Stored before it is done: nobody else would know that it is to be undone.
        self.engine.store().flush().done().await?;
        self.freeze(true).await.inspect_err(|_| drop(self.change(|next| next.state.briefly_frozen = false)))
    }

    /// Thaws what an engine that died had frozen for its own purpose.
    pub(super) async fn thaw_left(&mut self) {
        if !self.view().state.briefly_frozen {
            return;
        }
        if matches!(self.view().state.phase, Phase::Paused(_))
            && let Err(error) = self.freeze(false).await
        {
            tracing::error!(container = self.handle.id, %error, "not thawed after a commit that was cut");
        }
        self.change(|next| next.state.briefly_frozen = false);
    }

    /// Freezes or thaws.
    pub(super) async fn freeze(&mut self, freeze: bool) -> Result<(), Error> {
        let view = self.view();
        let container = self.handle.id.clone();
        match (&view.state.phase, freeze) {
            (Phase::Running(run), true) => {
                let run = run.clone();
                self.keeper(Request::Pause { container }).await?;
                self.pause_health();
                self.change(|next| next.state.phase = Phase::Paused(run));
                self.event("pause", &[]);
                Ok(())
            }
            (Phase::Paused(run), false) => {
                let run = run.clone();
                self.keeper(Request::Unpause { container }).await?;
                self.change(|next| {
                    next.state.phase = Phase::Running(run);
                    next.state.briefly_frozen = false;
                });
                self.watch_health();
                self.event("unpause", &[]);
                Ok(())
            }
            (Phase::Paused(_), true) => Err(Error::Conflict(format!("Container {container} is already paused"))),
            (Phase::Running(_), false) => Err(Error::Conflict(format!("Container {container} is not paused"))),
            (Phase::Restarting(_), true) => Err(Error::Conflict(format!(
                "Container {container} is restarting, wait until the container is running"
            ))),
            (_, true) => Err(not_running(&container)),
            (_, false) => Err(Error::Conflict(format!("Container {container} is not paused"))),
        }
    }
}

fn not_running(container: &str) -> Error {
    Error::Conflict(format!("container {container} is not running"))
}
