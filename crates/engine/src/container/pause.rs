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
        self.containers().find(container)?.ask(Command::Pause).await
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
                self.change(|next| next.state.phase = Phase::Running(run));
                self.watch_health();
                self.event("unpause", &[]);
                Ok(())
            }
            (Phase::Paused(_), true) => Err(Error::Conflict(format!("Container {container} is already paused"))),
            (Phase::Running(_), false) => Err(Error::Conflict(format!("Container {container} is not paused"))),
            (Phase::Restarting(_), true) => Err(Error::Conflict(format!(
                "Container {container} is restarting, wait until the container is running"
            ))),
            (_, true) => Err(Error::Conflict(format!("container {container} is not running"))),
            (_, false) => Err(Error::Conflict(format!("Container {container} is not paused"))),
        }
    }
}
