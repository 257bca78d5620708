//! A container's state in words: `Up 3 minutes`, `Exited (0) 2 hours ago`.

use jiff::Timestamp;

use super::super::handle::View;
use super::super::state::Phase;
use crate::health::Status;

/// The words.
pub(super) fn words(view: &View, now: Timestamp) -> String {
    let state = &view.state;
    let since = |time: Timestamp| human(now.duration_since(time).as_secs().max(0));
    match &state.phase {
        Phase::Created { .. } => "Created".to_owned(),
        Phase::Running(run) => match view.health.as_deref().map(|health| health.status) {
            None => format!("Up {}", since(run.started_at)),
            Some(Status::Starting) => format!("Up {} (health: starting)", since(run.started_at)),
            Some(status) => format!("Up {} ({})", since(run.started_at), status.word()),
        },
        Phase::Paused(run) => format!("Up {} (Paused)", since(run.started_at)),
        Phase::Restarting(exit) => {
            format!("Restarting ({}) {} ago", state.exit_code(), since(exit.finished_at))
        }
        Phase::Exited { exit, .. } => format!("Exited ({}) {} ago", state.exit_code(), since(exit.finished_at)),
        Phase::Removing { .. } => "Removal In Progress".to_owned(),
        Phase::Dead { .. } => "Dead".to_owned(),
    }
}

/// A duration as Docker says it.
pub(super) fn human(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (..1, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., ..48) => format!("{hours} hours"),
        (.., ..336) => format!("{} days", hours / 24),
        (.., ..1440) => format!("{} weeks", hours / 24 / 7),
        (.., ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn durations() {
        let cases = [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (125, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (3 * 3600, "3 hours"),
            (47 * 3600, "47 hours"),
            (72 * 3600, "3 days"),
            (15 * 86400, "2 weeks"),
            (90 * 86400, "3 months"),
            (800 * 86400, "2 years"),
        ];
        for (seconds, words) in cases {
            assert_eq!(human(seconds), words);
        }
    }
}
