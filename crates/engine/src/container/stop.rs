//! `stop`: a request to end, then force.

use std::time::Duration;

use teu_api::container::StopOptions;

use super::actor::{Command, Intent};
use super::handle::{Handle, View};
use super::signal;
use crate::{Engine, Error};

/// Docker's time between stop signal and `SIGKILL`.
const DEFAULT_TIMEOUT: i64 = 10;
/// How long a killed process may take to go; longer only in uninterruptible sleep.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// "For ever": a client that waits longer has gone away.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl Engine {
    /// Stops a container: its stop signal, and `SIGKILL` when its time is over.
    ///
    /// # Errors
    /// No such container, no such signal; it is not running (`NotModified`).
    pub async fn container_stop(&self, container: &str, options: &StopOptions) -> Result<(), Error> {
        let handle = self.containers().find(container)?;
        if !handle.view().state.is_active() {
            return Err(Error::NotModified(handle.id.clone()));
        }
        let signal = chosen_signal(&handle.view(), options)?;
        self.stop_handle(&handle, signal, options.timeout, Intent::Stop).await?;
        self.keep_told(&handle.id).await;
        self.container_event(&handle.view().definition, "stop", &[]);
        Ok(())
    }

    /// What a user was told stays so, whatever dies next: a policy would start again what was stopped, and what was started
    /// would have been restarted as often as before.
    pub(super) async fn keep_told(&self, id: &str) {
        // Without room for it, this engine knows it, and stores it when it can.
        if let Err(error) = self.store().flush().done().await {
            tracing::error!(container = id, %error, "that it was started or stopped could not be stored");
        }
    }

    /// Stops a running container and waits until it has ended.
    pub(super) async fn stop_handle(
        &self,
        handle: &Handle,
        signal: i32,
        timeout: Option<i64>,
        intent: Intent,
    ) -> Result<(), Error> {
        let before = handle.view();
        let seconds = timeout.or(before.definition.config.stop_timeout).unwrap_or(DEFAULT_TIMEOUT);
        let patience = u64::try_from(seconds).map_or(FOREVER, Duration::from_secs);
        let ended = |view: &View| view.exits > before.exits || !view.state.is_active();
        send(handle, signal, intent).await?;
        if handle.wait_for(patience, ended).await {
            return Ok(());
        }
        send(handle, signal::KILL, intent).await?;
        if handle.wait_for(KILL_TIMEOUT, ended).await {
            return Ok(());
        }
        let id = &handle.id;
        Err(Error::Unavailable(format!(
            "container {id} PID did not exit after it was killed; it may be in uninterruptible sleep"
        )))
    }
}

/// The signal to begin with: the request's, the container's, or `SIGTERM`.
pub(super) fn chosen_signal(view: &View, options: &StopOptions) -> Result<i32, Error> {
    if options.signal.is_empty() {
        Ok(signal::number_of(&view.definition.config.stop_signal))
    } else {
        signal::parse(&options.signal)
    }
}

/// Sends a signal. That the container has ended meanwhile is what is wanted.
async fn send(handle: &Handle, signal: i32, intent: Intent) -> Result<(), Error> {
    match handle.ask(|reply| Command::Signal { signal, intent, reply }).await {
        Err(Error::NotRunning(_) | Error::NoSuchContainer(_)) => Ok(()),
        other => other,
    }
}
