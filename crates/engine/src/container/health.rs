//! What a container's actor does about its health.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use teu_api::container::{self as api, StopOptions};

use super::actor::{Actor, Command, Intent};
use super::signal;
use super::state::Phase;
use crate::health::{Action, Check, Finding, Health, Monitor, Status};
use crate::{Engine, Error};

impl Actor {
    /// A run begins: its health is not known yet.
    pub(super) fn begin_health(&mut self) {
        let view = self.view();
        self.check = Check::of(&view.definition.config).map(Arc::new);
        if self.check.is_some() {
            self.change(|next| next.health = Some(Arc::new(Health::starting(next.health.as_deref()))));
        }
        self.watch_health();
    }

    /// Asks from now on, if there is something to ask and the container can answer.
    pub(super) fn watch_health(&mut self) {
        self.monitor = None;
        let view = self.view();
        let (Some(check), Phase::Running(run)) = (&self.check, &view.state.phase) else { return };
        let (engine, handle) = (self.engine.clone(), Arc::clone(&self.handle));
        self.monitor = Some(Monitor::watch(engine, handle, Arc::clone(check), run.started_at));
    }

    /// Another engine has watched it until now: its verdict stands.
    pub(super) fn resume_health(&mut self) {
        self.check = Check::of(&self.view().definition.config).map(Arc::new);
        if self.check.is_some() && self.view().health.is_none() {
            self.change(|next| next.health = Some(Arc::new(Health::starting(None))));
        }
        self.watch_health();
    }

    /// Asks no more: the container is frozen.
    pub(super) fn pause_health(&mut self) {
        self.monitor = None;
    }

    /// Takes in what a probe has found of the run that began at `run`, when that run had this age.
    pub(super) fn probed(&mut self, run: Timestamp, age: Duration, finding: Finding) {
        let view = self.view();
        let (Some(check), Some(before)) = (self.check.clone(), view.health.as_deref()) else { return };
        if view.state.run().is_none_or(|current| current.started_at != run) {
            return;
        }
        let mut health = before.clone();
        health.record(&check, age, finding);
        let (was, is) = (before.status, health.status);
        self.change(|next| next.health = Some(Arc::new(health)));
        if was != is {
            self.event(&format!("health_status: {}", is.word()), &[]);
            if is == Status::Unhealthy {
                self.act(check.on_failure);
            }
        }
    }

    /// Does what is to be done about a container that has become unhealthy. Elsewhere: it asks the actor in turn.
    fn act(&self, action: Action) {
        let (engine, id) = (self.engine.clone(), self.handle.id.clone());
        if action == Action::None {
            return;
        }
        tokio::spawn(async move {
            tracing::warn!(container = id, ?action, "the container is unhealthy");
            if let Err(error) = engine.act_on_unhealthy(&id, action).await {
                tracing::error!(container = id, %error, "nothing could be done about the unhealthy container");
            }
        });
    }
}

impl Engine {
    async fn act_on_unhealthy(&self, id: &str, action: Action) -> Result<(), Error> {
        let options = StopOptions::default();
        match action {
            Action::None => Ok(()),
            Action::Kill => {
                let handle = self.containers().find(id)?;
                handle.ask(|reply| Command::Signal { signal: signal::KILL, intent: Intent::Tell, reply }).await
            }
            Action::Restart => self.container_restart(id, &options).await,
            Action::Stop => self.container_stop(id, &options).await,
        }
    }
}

/// Health as the API has it.
pub(super) fn shown(health: &Health) -> api::Health {
    let log = health.log.iter().map(|finding| api::HealthResult {
        start: finding.begun_at.to_string(),
        end: finding.ended_at.to_string(),
        exit_code: finding.exit_code,
        output: finding.output.clone(),
    });
    api::Health {
        status: health.status.word().to_owned(),
        failing_streak: i64::from(health.failing_streak),
        log: Some(log.collect()),
    }
}

#[cfg(test)]
mod tests;
