//! Asking again and again while a container runs.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::check::Check;
use super::record::{Finding, Health};
use crate::Engine;
use crate::container::{Command, Handle};

/// What a finding is cut to, as Docker does.
const OUTPUT: usize = 4096;

/// The task that asks. It ends when this is dropped, and with it the probe that is under way.
#[derive(Debug)]
pub(crate) struct Monitor(JoinHandle<()>);

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Monitor {
    /// Asks about the run of a container that began at `started_at`, and tells its actor.
    pub(crate) fn watch(engine: Engine, handle: Arc<Handle>, check: Arc<Check>, started_at: Timestamp) -> Monitor {
        let clock = Clock::of_run(started_at);
        let last = handle.view().health.as_deref().and_then(|health| last_due(health, started_at));
        Monitor(tokio::spawn(watch(engine, handle, check, clock, last.unwrap_or_default(), started_at)))
    }
}

/// The age at which the last probe of this run was begun: another engine may have done that.
fn last_due(health: &Health, started_at: Timestamp) -> Option<Duration> {
    Duration::try_from(health.log.back()?.begun_at.duration_since(started_at)).ok()
}

/// The age of a run. It goes on steadily, whatever becomes of the wall clock.
#[derive(Debug, Clone, Copy)]
struct Clock {
    anchor: Instant,
    age: Duration,
}

impl Clock {
    fn of_run(started_at: Timestamp) -> Clock {
        let age = Duration::try_from(Timestamp::now().duration_since(started_at)).unwrap_or_default();
        Clock { anchor: Instant::now(), age }
    }

    fn age(&self) -> Duration {
        self.age + self.anchor.elapsed()
    }

    /// When the run has this age; at once if it has.
    fn at(&self, age: Duration) -> Instant {
        self.anchor + age.saturating_sub(self.age)
    }
}

async fn watch(engine: Engine, handle: Arc<Handle>, check: Arc<Check>, clock: Clock, last: Duration, run: Timestamp) {
    let mut due = last;
    loop {
        let Some(status) = handle.view().health.as_ref().map(|health| health.status) else { return };
        due = check.next(status, due, clock.age());
        tokio::time::sleep_until(clock.at(due)).await;
        let age = clock.age();
        // Boxed: what a probe needs is not kept for all the time between probes.
        let finding = Box::pin(ask(&engine, &handle, &check)).await;
        let told = handle.ask(|reply| Command::Probed { run, age, finding: Box::new(finding), reply }).await;
        if told.is_err() {
            return;
        }
    }
}

async fn ask(engine: &Engine, handle: &Arc<Handle>, check: &Check) -> Finding {
    let begun_at = Timestamp::now();
    let (exit_code, output) = match engine.prober().probe(engine, handle, &check.probe, check.timeout).await {
        Ok(Some(answer)) => (answer.code, answer.text),
        Ok(None) => (-1, format!("Health check exceeded timeout ({})", go_duration(check.timeout)).into_bytes()),
        Err(error) => (-1, error.to_string().into_bytes()),
    };
    Finding { begun_at, ended_at: Timestamp::now(), exit_code, output: cut(&output) }
}

/// At most 4096 bytes as text, with a mark where more was left out.
fn cut(output: &[u8]) -> String {
    match output.get(..OUTPUT) {
        Some(head) if output.len() > OUTPUT => String::from_utf8_lossy(head).into_owned() + "...",
        _ => String::from_utf8_lossy(output).into_owned(),
    }
}

/// A duration as Go writes it: `300ms`, `1.5s`, `2m0s`.
fn go_duration(duration: Duration) -> String {
    let (hours, minutes) = (duration.as_secs() / 3600, duration.as_secs() / 60 % 60);
    let seconds = duration.as_nanos() % 60_000_000_000;
    let decimal = |value: u128, unit: u128| {
        let (whole, part) = (value / unit, value % unit);
        let digits = unit.to_string().len() - 1;
        let part = format!("{part:0digits$}");
        let part = part.trim_end_matches('0');
        if part.is_empty() || unit == 1 { whole.to_string() } else { format!("{whole}.{part}") }
    };
    if duration.as_secs() == 0 {
        return match duration.as_nanos() {
            0 => "0s".to_owned(),
            n @ 1..1_000 => format!("{n}ns"),
            n @ 1_000..1_000_000 => format!("{}µs", decimal(n, 1_000)),
            n => format!("{}ms", decimal(n, 1_000_000)),
        };
    }
    let seconds = decimal(seconds, 1_000_000_000);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::{SignedDuration, Timestamp};

    use super::super::record::{Finding, Health};
    use super::{cut, go_duration, last_due};

    #[test]
    fn durations_as_go_has_them() {
        let cases = [
            (Duration::from_millis(300), "300ms"),
            (Duration::from_secs(30), "30s"),
            (Duration::from_millis(1500), "1.5s"),
            (Duration::from_secs(120), "2m0s"),
            (Duration::from_secs(3661), "1h1m1s"),
            (Duration::from_micros(1500), "1.5ms"),
            (Duration::from_nanos(0), "0s"),
        ];
        for (duration, text) in cases {
            assert_eq!(go_duration(duration), text);
        }
    }

    #[test]
    fn output_is_cut() {
        assert_eq!(cut(&[b'x'; 4096]).len(), 4096);
        let long = cut(&[b'x'; 4097]);
        assert_eq!((long.len(), &long[4093..]), (4099, "xxx..."));
        assert_eq!(cut(b"\xffok"), "\u{fffd}ok");
    }

    #[test]
    fn another_engines_probes_count_for_the_schedule() {
        let started = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(100);
        let finding = |second| {
            let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
            Finding { begun_at: at, ended_at: at, exit_code: 0, output: String::new() }
        };
        let mut health = Health::starting(None);
        assert_eq!(last_due(&health, started), None);
        health.log.push_back(finding(90));
        assert_eq!(last_due(&health, started), None, "an earlier run's");
        health.log.push_back(finding(130));
        assert_eq!(last_due(&health, started), Some(Duration::from_secs(30)));
    }
}
