//! `restart`: stop and start.

use teu_api::container::StopOptions;

use super::actor::{Command, Intent};
use super::start::Starter;
use super::stop::chosen_signal;
use crate::{Engine, Error};

impl Engine {
    /// Stops a container if it runs, and starts it.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn container_restart(&self, container: &str, options: &StopOptions) -> Result<(), Error> {
        let handle = self.containers().find(container)?;
        let signal = chosen_signal(&handle.view(), options)
            .map_err(|error| Error::Invalid(format!("Cannot restart container {container}: {error}")))?;
        if handle.view().state.is_active() {
            self.stop_handle(&handle, signal, options.timeout, Intent::Restart).await?;
            self.container_event(&handle.view().definition, "stop", &[]);
        }
        handle.ask(|reply| Command::Start { by: Starter::Restart, hookup: None, reply }).await?;
        self.keep_told(&handle.id).await;
        self.container_event(&handle.view().definition, "restart", &[]);
        Ok(())
    }
}
