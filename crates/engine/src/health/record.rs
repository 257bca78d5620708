//! What health checks have found.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::Check;

/// How many results are kept, as Docker does.
const KEPT: usize = 5;

/// Whether a container works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// Not known yet: no probe has succeeded, and not enough have failed.
    Starting,
    Healthy,
    Unhealthy,
}

impl Status {
    /// Docker's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Healthy => "healthy",
            Status::Unhealthy => "unhealthy",
        }
    }
}

/// The result of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) begun_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    /// 0 is healthy; -1 if there was none.
    pub(crate) exit_code: i64,
    /// What it printed or what went wrong, cut to size.
    pub(crate) output: String,
}

/// A container's health: the verdict, and what it rests upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) status: Status,
    /// Failures in a row that counted.
    pub(crate) failing_streak: u32,
    /// The last results, oldest first.
    pub(crate) log: VecDeque<Finding>,
}

impl Health {
    /// The health of a run that begins. What earlier runs had found stays in the log, as with Docker.
    pub(crate) fn starting(before: Option<&Health>) -> Health {
        let log = before.map(|health| health.log.clone()).unwrap_or_default();
        Health { status: Status::Starting, failing_streak: 0, log }
    }

    /// The run is over: what does not run does not work.
    pub(crate) fn end(&mut self) {
        self.status = Status::Unhealthy;
    }

    /// Takes a result in of a probe that was begun at this age of the run.
    pub(crate) fn record(&mut self, check: &Check, age: Duration, finding: Finding) {
        let healthy = finding.exit_code == 0;
        self.log.push_back(finding);
        while self.log.len() > KEPT {
            self.log.pop_front();
        }
        if healthy {
            self.failing_streak = 0;
            self.status = Status::Healthy;
        } else if !check.is_lenient(self.status, age) {
            self.failing_streak = self.failing_streak.saturating_add(1);
            if self.failing_streak >= check.retries {
                self.status = Status::Unhealthy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use teu_api::container::{Config, Healthcheck};

    use super::super::check::Check;
    use super::{Finding, Health, Status};

    fn check() -> Check {
        let health = Healthcheck {
            test: Some(vec!["CMD".to_owned(), "true".to_owned()]),
            start_period: 10_000_000_000,
            retries: 2,
            ..Healthcheck::default()
        };
        Check::of(&Config { healthcheck: Some(health), ..Config::default() }).expect("a check")
    }

    fn told(health: &mut Health, second: u64, exit_code: i64) -> (Status, u32) {
        let at = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(i64::try_from(second).expect("small"));
        let finding = Finding { begun_at: at, ended_at: at, exit_code, output: String::new() };
        health.record(&check(), Duration::from_secs(second), finding);
        (health.status, health.failing_streak)
    }

    #[test]
    fn failures_count_after_the_start_period() {
        let mut health = Health::starting(None);
        assert_eq!(told(&mut health, 5, 1), (Status::Starting, 0));
        assert_eq!(told(&mut health, 9, -1), (Status::Starting, 0));
        assert_eq!(told(&mut health, 10, 1), (Status::Starting, 1));
        assert_eq!(told(&mut health, 15, 1), (Status::Unhealthy, 2));
        assert_eq!(told(&mut health, 20, 7), (Status::Unhealthy, 3));
        assert_eq!(told(&mut health, 25, 0), (Status::Healthy, 0));
    }

    #[test]
    fn a_success_ends_the_leniency() {
        let mut health = Health::starting(None);
        assert_eq!(told(&mut health, 1, 0), (Status::Healthy, 0));
        assert_eq!(told(&mut health, 2, 1), (Status::Healthy, 1));
        assert_eq!(told(&mut health, 3, 1), (Status::Unhealthy, 2));
    }

    #[test]
    fn five_results_are_kept_over_runs() {
        let mut health = Health::starting(None);
        for second in 0..9 {
            told(&mut health, second, 0);
        }
        health.end();
        assert_eq!(health.status, Status::Unhealthy);
        let next = Health::starting(Some(&health));
        assert_eq!((next.status, next.log.len()), (Status::Starting, 5));
        assert_eq!(next.log[0].begun_at.as_second(), 4);
    }
}
