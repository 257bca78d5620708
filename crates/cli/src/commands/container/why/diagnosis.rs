//! From facts to a report: what state the container is in decides what is asked.

use teu_api::event::Event;

use super::facts::{Facts, GONE};
use super::report::{Kind, Report, Step};
use super::story::{self, Run};
use super::{ending, running, starting, words};
use crate::format::time;
use crate::format::units::human_duration;

/// How many events are repeated.
const STEPS: usize = 20;

/// A judgement in the making.
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts,
    /// The runs that events tell of.
    pub(super) runs: Vec<Run>,
    /// The name that the program was called by, for advice.
    pub(super) program: &'a str,
}

impl Case<'_> {
    /// The container's name.
    pub(super) fn name(&self) -> &str {
        self.facts.name()
    }

    /// A command line of this program.
    pub(super) fn line(&self, command: &str) -> String {
        format!("{} {command}", self.program)
    }

    /// How long ago a time of the engine's was, as `5 minutes ago`; nothing for a time that is none.
    pub(super) fn ago(&self, when: &str) -> String {
        let seconds = time::seconds(when).filter(|&seconds| seconds > 0);
        seconds.map_or_else(String::new, |then| {
            let words = human_duration((self.facts.now.as_second() - then).max(0));
            format!(" {} ago", lower(&words))
        })
    }

    /// The restart policy: its name, and how often at most.
    pub(super) fn policy(&self) -> (&str, i64) {
        let policy = &self.facts.inspect.host_config.restart_policy;
        (policy.name.as_str(), policy.maximum_retry_count)
    }
}

/// `about a minute` for `About a minute`, inside a sentence.
pub(super) fn lower(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// Judges.
pub(super) fn of(facts: &Facts, program: &str) -> Report {
    let check = facts.inspect.config.healthcheck.as_ref();
    let acts_on_health = check.is_some_and(|check| !matches!(check.on_failure.as_str(), "" | "none"));
    let case = Case { facts, runs: story::runs(&facts.events, acts_on_health), program };
    let mut report = blank(facts);
    match facts.state().status.as_str() {
        "created" => starting::explain(&case, &mut report),
        "running" => running::explain(&case, &mut report),
        "paused" => paused(&case, &mut report),
        "restarting" => ending::explain(&case, &mut report),
        "removing" | "dead" => {
            ending::explain(&case, &mut report);
            removal(&case, &mut report);
        }
        _ if !facts.state().error.is_empty() => starting::explain(&case, &mut report),
        _ => ending::explain(&case, &mut report),
    }
    report
}

/// What needs no judgement.
fn blank(facts: &Facts) -> Report {
    let state = facts.state();
    let has_ended = matches!(state.status.as_str(), "exited" | "dead" | "restarting" | "removing" | GONE);
    let exit_code = has_ended.then_some(state.exit_code);
    let newest = facts.events.len().saturating_sub(STEPS);
    Report {
        id: facts.inspect.id.clone(),
        name: facts.name().to_owned(),
        image: facts.inspect.config.image.clone(),
        status: state.status.clone(),
        exit_code,
        signal: exit_code.and_then(words::signal_of).map(words::signal_name),
        restart_count: facts.inspect.restart_count,
        summary: String::new(),
        causes: Vec::new(),
        advice: Vec::new(),
        events: facts.events[newest..].iter().map(step).collect(),
        last_lines: facts.lines.clone(),
    }
}

fn step(event: &Event) -> Step {
    let detail = ["signal", "exitCode"].iter().filter_map(|name| {
        let value = event.actor.attributes.get(*name)?;
        Some(format!("{name}={value}"))
    });
    Step {
        time: time::rfc3339_nanos(event.time, event.time_nano),
        action: event.action.clone(),
        detail: detail.collect::<Vec<_>>().join(" "),
    }
}

fn paused(case: &Case<'_>, report: &mut Report) {
    let frozen = case.facts.events.iter().rev().find(|event| event.action == "pause");
    let since = frozen.map_or_else(String::new, |event| case.ago(&time::rfc3339(event.time)));
    report.summary = format!("{} is paused: its processes are frozen.", case.name());
    report.because(Kind::Paused, format!("Somebody paused it{since}. It goes on where it was."));
    report.advise(format!("Let it go on: {}", case.line(&format!("unpause {}", case.name()))));
}

fn removal(case: &Case<'_>, report: &mut Report) {
    let text = "Its removal was begun and not finished; only another removal is possible.";
    report.causes.insert(0, super::report::Cause { kind: Kind::RemovalFailed, text: text.to_owned() });
    report.advise(format!("Remove it again: {}", case.line(&format!("rm -f {}", case.name()))));
}
