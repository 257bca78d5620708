//! `kill`: a signal to a container's process.

use std::time::Duration;

use teu_keeper::protocol::{FailureKind, ProcessRef, Request};

use super::actor::{Actor, Command, Intent};
use super::handle::View;
use super::signal;
use super::state::Phase;
use crate::backend::KEEPERS;
use crate::{Engine, Error};

/// How long a killed process may take to go; longer only in uninterruptible sleep.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl Engine {
    /// Sends a signal, by name (`SIGHUP`, `hup`) or number; an empty one is `SIGKILL`.
    ///
    /// # Errors
    /// No such container, no such signal; the container is not running.
    pub async fn container_kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        let refused = |reason: &Error| format!("cannot kill container: {container}: {reason}");
        let number = if signal.is_empty() { Ok(signal::KILL) } else { signal::parse(signal) };
        let number = number.map_err(|error| match signal.parse::<i32>() {
            Ok(number) if number > 0 => Error::Invalid(format!("the linux daemon does not support signal {number}")),
            _ => error,
        });
        let number = number.map_err(|error| Error::Invalid(refused(&error)))?;
        let handle = self.containers().find(container).map_err(|error| match error {
            Error::NoSuchContainer(_) => Error::NotFound(refused(&error)),
            other => other,
        })?;
        let view = handle.view();
        if !view.state.is_up() {
            let reason = format!("container {} is not running", handle.id);
            return Err(Error::CannotKill { container: container.to_owned(), reason });
        }
        // A container that is killed by hand is not to be started again by its policy; other signals do not end it.
        let ends = number == signal::KILL || number == signal::number_of(&view.definition.config.stop_signal);
        let intent = if ends { Intent::Stop } else { Intent::Tell };
        match handle.ask(|reply| Command::Signal { signal: number, intent, reply }).await {
            // It has ended meanwhile.
            Err(error @ Error::NotRunning(_)) => {
                return Err(Error::CannotKill { container: container.to_owned(), reason: error.to_string() });
            }
            other => other?,
        }
        if number == signal::KILL {
            // Clients rely on its being over: they remove it next.
            let ended = |next: &View| next.exits > view.exits || !next.state.is_active();
            if !handle.wait_for(KILL_TIMEOUT, ended).await {
                let text = format!("container {} did not exit within 10 seconds of its SIGKILL", handle.id);
                return Err(Error::Unavailable(text));
            }
        }
        if ends {
            self.keep_told(&handle.id).await;
        }
        Ok(())
    }
}

impl Actor {
    /// Sends a signal to the container's first process.
    pub(super) async fn signal(&mut self, signal: i32, intent: Intent) -> Result<(), Error> {
        let view = self.view();
        let stop = intent != Intent::Tell;
        if stop {
            self.restarting = intent == Intent::Restart;
        }
        if let Phase::Restarting(exit) = &view.state.phase
            && stop
        {
            let exit = exit.clone();
            self.restart_at = None;
            self.change(|next| {
                next.state.phase = Phase::Exited { exit, failure: None };
                next.state.stopped_by_user = true;
            });
            return Ok(());
        }
        let Some(_) = view.state.run() else { return Err(Error::NotRunning(self.handle.id.clone())) };
        if stop && !view.state.stopped_by_user {
            self.change(|next| next.state.stopped_by_user = true);
        }
        self.event("kill", &[("signal", signal.to_string())]);
        let process = ProcessRef::container(&self.handle.id);
        let epoch = self.engine.processes().epoch();
        match self.keeper(Request::Signal { process, signal, all: false }).await {
            // The keeper that sent it died over the answer: by the time the next was asked, it had ended of it.
            Err(Error::NotRunning(_)) if self.engine.processes().epoch() != epoch => return Ok(()),
            other => other?,
        }
        if signal == signal::KILL {
            self.killed = view.state.run().map(|run| run.started_at);
        }
        // A frozen process does not end: Docker, too, thaws what is to stop, and takes any signal for that if the image
        // names none.
        let ends = stop || view.definition.config.stop_signal.is_empty();
        if ends && matches!(view.state.phase, Phase::Paused(_)) {
            self.freeze(false).await?;
        }
        Ok(())
    }

    /// Sends a request about the container's process that may be repeated to the keeper.
    pub(super) async fn keeper(&self, request: Request) -> Result<(), Error> {
        self.engine.ask_keeper(&self.handle.id, request).await
    }
}

impl Engine {
    /// Sends a request about a process of a container that may be repeated to the keeper, again if the keeper is replaced
    /// meanwhile.
    pub(crate) async fn ask_keeper(&self, container: &str, request: Request) -> Result<(), Error> {
        let processes = self.processes();
        let mut attempts = KEEPERS;
        loop {
            let epoch = processes.epoch();
            attempts -= 1;
            match processes.call(request.clone(), Vec::new()).await {
                Err(teu_keeper::Error::Gone) if attempts > 0 => processes.renewed(epoch).await?,
                // It has ended, which will be told here in a moment.
                Err(teu_keeper::Error::Refused(failure))
                    if matches!(failure.kind, FailureKind::Conflict | FailureKind::NotFound) =>
                {
                    return Err(Error::NotRunning(container.to_owned()));
                }
                other => return Ok(other.map(drop)?),
            }
        }
    }
}
