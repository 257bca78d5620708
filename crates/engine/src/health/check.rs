//! What a container's health check asks, and when.

use std::time::Duration;

use teu_api::container::{Config, Healthcheck};

use super::probe::Probe;
use super::record::Status;
use crate::Error;

/// Docker's defaults.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const START_INTERVAL: Duration = Duration::from_secs(5);
const RETRIES: u32 = 3;

/// The least of what may be asked for, in nanoseconds.
const LEAST: i64 = 1_000_000;

/// What happens to a container that becomes unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing, as with Docker.
    None,
    /// It is killed; its restart policy decides what follows.
    Kill,
    /// It is stopped and started, whatever its restart policy.
    Restart,
    /// It is stopped, as by a user.
    Stop,
}

impl Action {
    fn parse(text: &str) -> Option<Action> {
        match text {
            "" | "none" => Some(Action::None),
            "kill" => Some(Action::Kill),
            "restart" => Some(Action::Restart),
            "stop" => Some(Action::Stop),
            _ => None,
        }
    }
}

/// A health check, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) probe: Probe,
    /// How long one probe may take.
    pub(crate) timeout: Duration,
    /// Failures in a row that make a container unhealthy.
    pub(crate) retries: u32,
    pub(crate) on_failure: Action,
    interval: Duration,
    start_period: Duration,
    start_interval: Duration,
}

impl Check {
    /// The check of a container, if it has one. What cannot be read was refused at create; a kind that nobody knows is
    /// no check, as with Docker.
    pub(crate) fn of(config: &Config) -> Option<Check> {
        let health = config.healthcheck.as_ref()?;
        let probe = Probe::parse(health.test.as_deref().unwrap_or(&[]), config.shell.as_deref()).ok()??;
        let or = |nanos: i64, default: Duration| match u64::try_from(nanos) {
            Ok(0) | Err(_) => default,
            Ok(nanos) => Duration::from_nanos(nanos),
        };
        Some(Check {
            probe,
            timeout: or(health.timeout, TIMEOUT),
            retries: u32::try_from(health.retries).ok().filter(|n| *n > 0).unwrap_or(RETRIES),
            on_failure: Action::parse(&health.on_failure).unwrap_or(Action::None),
            interval: or(health.interval, INTERVAL),
            start_period: or(health.start_period, Duration::ZERO),
            start_interval: or(health.start_interval, START_INTERVAL),
        })
    }

    /// Whether a failure at this age of the run does not count yet.
    pub(super) fn is_lenient(&self, status: Status, age: Duration) -> bool {
        status == Status::Starting && age < self.start_period
    }

    /// The age at which the next probe is due, after one that was due at `last`, at the age `now`.
    ///
    /// Probes keep their distance from due time to due time: what one of them takes does not add up. One that takes
    /// longer than the interval, or one that a sleeping machine missed, is followed by a whole interval.
    pub(super) fn next(&self, status: Status, last: Duration, now: Duration) -> Duration {
        let interval = if self.is_lenient(status, now) { self.start_interval } else { self.interval };
        let next = last + interval;
        if next > now { next } else { now + interval }
    }
}

/// Refuses what makes no sense, in Docker's words where it has some.
pub(crate) fn validate(
    health: &Healthcheck,
    shell: Option<&[String]>,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let durations = [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    ];
    if let Some((name, _)) = durations.iter().find(|(_, nanos)| *nanos != 0 && *nanos < LEAST) {
        return Err(Error::Invalid(format!("{name} in Healthcheck cannot be less than 1ms")));
    }
    if health.retries < 0 {
        return Err(Error::Invalid("Retries in Healthcheck cannot be negative".to_owned()));
    }
    if Action::parse(&health.on_failure).is_none() {
        return Err(Error::Invalid(format!(
            "invalid OnFailure in Healthcheck: '{}'; use one of 'none', 'kill', 'restart' or 'stop'",
            health.on_failure
        )));
    }
    let test = health.test.as_deref().unwrap_or(&[]);
    let known = Probe::parse(test, shell)?.is_some();
    if let Some(kind) = test.first().filter(|kind| !known && *kind != "NONE") {
        warnings.push(format!(
            "Unknown healthcheck type '{kind}' (expected 'CMD'): the container's health is not checked."
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use teu_api::container::{Config, Healthcheck};

    use super::super::record::Status;
    use super::{Action, Check, validate};

    const SECOND: i64 = 1_000_000_000;

    fn check(change: impl FnOnce(&mut Healthcheck)) -> Check {
        let mut health =
            Healthcheck { test: Some(vec!["CMD".to_owned(), "true".to_owned()]), ..Healthcheck::default() };
        change(&mut health);
        Check::of(&Config { healthcheck: Some(health), ..Config::default() }).expect("a check")
    }

    fn refused(change: impl FnOnce(&mut Healthcheck)) -> String {
        let mut health = Healthcheck::default();
        change(&mut health);
        validate(&health, None, &mut Vec::new()).expect_err("refused").to_string()
    }

    #[test]
    fn dockers_defaults() {
        let check = check(|_| {});
        assert_eq!(
            (check.interval, check.timeout, check.retries),
            (Duration::from_secs(30), Duration::from_secs(30), 3)
        );
        assert_eq!((check.start_period, check.start_interval), (Duration::ZERO, Duration::from_secs(5)));
        assert_eq!(check.on_failure, Action::None);
        assert!(Check::of(&Config::default()).is_none());
    }

    #[test]
    fn refusals_are_dockers() {
        assert_eq!(refused(|h| h.interval = 10), "Interval in Healthcheck cannot be less than 1ms");
        assert_eq!(refused(|h| h.timeout = -1), "Timeout in Healthcheck cannot be less than 1ms");
        assert_eq!(refused(|h| h.start_period = 1000), "StartPeriod in Healthcheck cannot be less than 1ms");
        assert_eq!(refused(|h| h.start_interval = 5), "StartInterval in Healthcheck cannot be less than 1ms");
        assert_eq!(refused(|h| h.retries = -1), "Retries in Healthcheck cannot be negative");
        assert!(
            refused(|h| h.on_failure = "explode".to_owned()).starts_with("invalid OnFailure in Healthcheck: 'explode'")
        );
        // Docker's daemon dies of this one.
        assert_eq!(refused(|h| h.test = Some(vec!["CMD".to_owned()])), "CMD in Healthcheck needs a command");
    }

    #[test]
    fn an_unknown_kind_is_no_check_but_said() {
        let mut warnings = Vec::new();
        let health = Healthcheck { test: Some(vec!["FOO".to_owned()]), ..Healthcheck::default() };
        validate(&health, None, &mut warnings).expect("accepted");
        assert_eq!(warnings.len(), 1);
        assert!(Check::of(&Config { healthcheck: Some(health), ..Config::default() }).is_none());
    }

    #[test]
    fn probes_do_not_drift() {
        let check = check(|h| h.interval = 10 * SECOND);
        let mut due = check.next(Status::Starting, Duration::ZERO, Duration::ZERO);
        // Each probe takes 700 ms, and is begun some milliseconds late.
        for n in 1..=1000 {
            assert_eq!(due, Duration::from_secs(10 * n));
            due = check.next(Status::Healthy, due, due + Duration::from_millis(712));
        }
    }

    #[test]
    fn a_probe_that_overruns_is_followed_by_a_whole_interval() {
        let check = check(|h| h.interval = 10 * SECOND);
        let seconds = Duration::from_secs;
        assert_eq!(check.next(Status::Healthy, seconds(10), seconds(25)), seconds(35));
        // A machine that slept for a day does not catch up on what it missed.
        assert_eq!(check.next(Status::Healthy, seconds(10), seconds(86_400)), seconds(86_410));
    }

    #[test]
    fn the_start_interval_holds_while_starting_in_the_start_period() {
        let check = check(|h| {
            h.interval = 30 * SECOND;
            h.start_period = 12 * SECOND;
            h.start_interval = 5 * SECOND;
        });
        let seconds = Duration::from_secs;
        assert_eq!(check.next(Status::Starting, Duration::ZERO, Duration::ZERO), seconds(5));
        assert_eq!(check.next(Status::Starting, seconds(5), seconds(6)), seconds(10));
        // Healthy within the start period: the long interval begins.
        assert_eq!(check.next(Status::Healthy, seconds(5), seconds(6)), seconds(35));
        assert_eq!(check.next(Status::Starting, seconds(10), seconds(12)), seconds(40));
    }
}
