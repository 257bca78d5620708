//! What events tell of a container's runs, and who asked for their ends.

use teu_api::event::Event;

use super::words;

/// How long after an unhealthy verdict its consequence comes, in nanoseconds.
const CONSEQUENCE: i64 = 2_000_000_000;
/// How long after a kill the removal that wanted it comes, in nanoseconds.
const REMOVAL: i64 = 5_000_000_000;

/// Who asked for an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nobody, as far as the engine knows.
    Nobody,
    /// Somebody, by `stop`.
    Stop,
    /// Somebody, by `restart`.
    Restart,
    /// Somebody, by a signal with `kill`.
    Kill,
    /// Somebody, by `rm --force`.
    Removal,
    /// The engine, because the container had become unhealthy.
    Health,
}

/// One run of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// Who asked for its end.
    pub(super) asked: Asked,
    /// The signals that the engine sent, in order.
    pub(super) signals: Vec<i32>,
    /// How long it was given between the first of them and the last, in nanoseconds.
    pub(super) patience: i64,
    /// The kernel ran out of the memory that it may use.
    pub(super) oom: bool,
    /// When it ended, nanoseconds since 1970, with its exit code.
    pub(super) died: Option<(i64, i64)>,
    /// How long it lasted, in nanoseconds.
    pub(super) lasted: Option<i64>,
}

impl Run {
    /// It was asked to end, did not, and was killed for it.
    pub(super) fn was_deaf(&self) -> bool {
        let asked = matches!(self.asked, Asked::Stop | Asked::Restart | Asked::Health);
        asked && self.signals.len() > 1 && self.signals.last() == Some(&words::SIGKILL)
    }
}

/// The runs that the events tell of, oldest first. `acts_on_health` tells whether the container's health check has consequences.
pub(super) fn runs(events: &[Event], acts_on_health: bool) -> Vec<Run> {
    let starts: Vec<usize> = (0..events.len()).filter(|&at| events[at].action == "start").collect();
    // An engine with a short memory may have forgotten the start.
    let first = starts.first().copied().unwrap_or(events.len());
    let mut bounds: Vec<(usize, usize)> = vec![(0, first)];
    bounds.extend(starts.iter().enumerate().map(|(n, &at)| (at, starts.get(n + 1).copied().unwrap_or(events.len()))));
    bounds.retain(|&(from, to)| events[from..to].iter().any(|event| matches!(&*event.action, "start" | "die")));
    let next = |to: usize| events.get(to..).unwrap_or_default();
    bounds.iter().map(|&(from, to)| run(&events[from..to], next(to), acts_on_health)).collect()
}

fn run(events: &[Event], after: &[Event], acts_on_health: bool) -> Run {
    let find = |action: &str| events.iter().find(|event| event.action == action);
    let die = find("die");
    let code = |event: &Event| event.actor.attributes.get("exitCode").and_then(|code| code.parse().ok()).unwrap_or(0);
    let lasted = find("start").zip(die).map(|(start, die)| die.time_nano - start.time_nano);
    Run {
        asked: asked(events, after, acts_on_health),
        signals: kills(events).filter_map(signal).collect(),
        patience: kills(events)
            .last()
            .zip(kills(events).next())
            .map_or(0, |(last, first)| last.time_nano - first.time_nano),
        oom: find("oom").is_some(),
        died: die.map(|event| (event.time_nano, code(event))),
        lasted,
    }
}

fn kills(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().take_while(|event| event.action != "die").filter(|event| event.action == "kill")
}

fn signal(event: &Event) -> Option<i32> {
    let text = event.actor.attributes.get("signal")?;
    text.parse().ok().or_else(|| words::signal_number(text))
}

fn asked(events: &[Event], after: &[Event], acts_on_health: bool) -> Asked {
    let Some(kill) = kills(events).next() else { return Asked::Nobody };
    let unhealthy = events.iter().rev().find(|event| event.action == "health_status: unhealthy");
    let is_consequence = |event: &Event| (0..CONSEQUENCE).contains(&(kill.time_nano - event.time_nano));
    if acts_on_health && unhealthy.is_some_and(is_consequence) {
        return Asked::Health;
    }
    let has = |action: &str| events.iter().any(|event| event.action == action);
    let died = events.iter().find(|event| event.action == "die").map(|event| event.time_nano);
    let removed = events.iter().find(|event| event.action == "destroy").map(|event| event.time_nano);
    match (has("stop"), died.zip(removed)) {
        (true, _) if after.iter().take_while(|event| event.action != "die").any(|event| event.action == "restart") => {
            Asked::Restart
        }
        (true, _) => Asked::Stop,
        (false, Some((died, removed))) if removed - died < REMOVAL => Asked::Removal,
        (false, _) => Asked::Kill,
    }
}
