//! Why a container ended.

use super::diagnosis::{Case, lower};
use super::facts::GONE;
use super::report::{Kind, Report};
use super::story::{Asked, Run};
use super::words;
use crate::format::units::{binary_size, human_duration};

/// A run shorter than this has not begun to work, in nanoseconds.
const SHORT: i64 = 2_000_000_000;
/// Docker's code for an end that nobody saw, and what `exit(-1)` makes.
const UNKNOWN: i64 = 255;

/// Explains the last end.
pub(super) fn explain(case: &Case<'_>, report: &mut Report) {
    let state = case.facts.state();
    let run = case.runs.iter().rev().find(|run| run.died.is_some()).cloned().unwrap_or_else(|| untold(case));
    report.summary = summary(case, &run);
    if state.oom_killed || run.oom {
        out_of_memory(case, report, state.exit_code);
    }
    if run.asked == Asked::Nobody {
        by_itself(case, report, &run);
    } else {
        by_request(case, report, &run);
    }
    restarts(case, report, &run);
    last_lines(case, report, &run);
    if state.status == GONE {
        report.advise("It is removed: start another to find out more, without --rm.");
    }
}

/// What is known without events.
fn untold(case: &Case<'_>) -> Run {
    let state = case.facts.state();
    let nanos = |text: &str| {
        let time: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok().filter(|&nanos| nanos > 0)
    };
    let (started, finished) = (nanos(&state.started_at), nanos(&state.finished_at));
    let lasted = started.zip(finished).map(|(started, finished)| finished - started);
    let died = finished.map(|at| (at, state.exit_code));
    Run { asked: Asked::Nobody, signals: Vec::new(), patience: 0, oom: false, died, lasted }
}

fn summary(case: &Case<'_>, run: &Run) -> String {
    let state = case.facts.state();
    let verb = if state.status == "restarting" { "ended and will be started again: it ended" } else { "ended" };
    let signal = words::signal_of(state.exit_code).map(|number| format!(" ({})", words::signal_name(number)));
    let lasted = run.lasted.map_or_else(String::new, |nanos| format!(", after it had run for {}", span(nanos)));
    format!(
        "{} {verb}{} with exit code {}{}{lasted}.",
        case.name(),
        case.ago(&state.finished_at),
        state.exit_code,
        signal.unwrap_or_default()
    )
}

/// `0.3 seconds`, `5 minutes`.
pub(super) fn span(nanos: i64) -> String {
    if nanos < 1_000_000_000 {
        return format!("{} ms", nanos.max(0) / 1_000_000);
    }
    lower(&human_duration(nanos / 1_000_000_000))
}

fn out_of_memory(case: &Case<'_>, report: &mut Report, code: i64) {
    let limit = case.facts.inspect.host_config.memory;
    let killed = code == i64::from(128 + words::SIGKILL);
    let who = if killed { "killed it" } else { "killed one of its processes, and its first process ended after that" };
    if limit > 0 {
        report.because(
            Kind::OutOfMemory,
            format!("It needed more memory than its limit of {}: the kernel {who}.", binary_size(limit)),
        );
        let more = binary_size(limit.saturating_mul(2)).to_lowercase().replace("ib", "");
        let line = case.line(&format!("update --memory {more} --memory-swap {more} {}", case.name()));
        report.advise(format!("Give it more and start it again: {line}"));
        report.advise(
            "Or make it need less: many runtimes take the machine's memory for their own (heap sizes, caches).",
        );
    } else {
        report.because(Kind::OutOfMemory, format!("Memory ran out: the kernel {who}. It has no limit of its own."));
        report.advise("Look for what used up the memory of the machine, or of the group of containers that it is in.");
    }
}

fn by_request(case: &Case<'_>, report: &mut Report, run: &Run) {
    let signals: Vec<String> = run.signals.iter().map(|&number| words::signal_name(number)).collect();
    let first = signals.first().cloned().unwrap_or_default();
    let who = match run.asked {
        Asked::Stop => format!("Somebody stopped it: a client of the engine asked for that, which sent {first}."),
        Asked::Restart => format!("Somebody restarted it: a client of the engine asked for that, which sent {first}."),
        Asked::Removal => "Somebody removed it by force, which killed it.".to_owned(),
        Asked::Health => format!("The engine ended it because it had become unhealthy, by {first}."),
        Asked::Kill | Asked::Nobody => {
            format!("Somebody sent it {} through the engine (kill).", signals.join(", then "))
        }
    };
    let kind = if run.asked == Asked::Health { Kind::ActionWhenUnhealthy } else { Kind::Asked };
    report.because(kind, who);
    if run.was_deaf() {
        deaf(case, report, &first, run.patience);
    } else if matches!(run.asked, Asked::Stop | Asked::Restart) && run.died.is_some_and(|(_, code)| code == 0) {
        report.because(Kind::Done, "It took the hint and ended in good order.");
    }
    if run.asked == Asked::Health {
        health_before(case, report);
    } else if case.facts.state().status == "exited" {
        report.advise(format!("If it should run: {}", case.line(&format!("start {}", case.name()))));
    }
}

/// It did not end when asked to.
fn deaf(case: &Case<'_>, report: &mut Report, first: &str, patience: i64) {
    let text = format!("It did not end by {first} within {}, and was killed.", span(patience));
    report.because(Kind::StopIgnored, text);
    let path = case.facts.inspect.path.rsplit('/').next().unwrap_or_default();
    if matches!(path, "sh" | "bash" | "dash" | "ash") {
        report.advise("Its first process is a shell, which does not pass signals on: let the command begin with exec.");
    }
    if case.facts.inspect.host_config.init != Some(true) {
        report.advise("A first process that handles no signals gets none: run it with --init.");
    }
    report.advise("If it needs longer to end: --stop-timeout. If it listens to another signal: --stop-signal.");
}

fn health_before(case: &Case<'_>, report: &mut Report) {
    let log = case.facts.state().health.as_ref().and_then(|health| health.log.as_ref());
    if let Some(last) = log.and_then(|log| log.iter().rev().find(|result| result.exit_code != 0)) {
        let output = last.output.trim();
        report.because(Kind::Unhealthy, format!("Its last failed check said: {output}"));
    }
    report.advise("What happens to it when it is unhealthy is --health-on-failure.");
}

/// Nobody asked the engine for it.
fn by_itself(case: &Case<'_>, report: &mut Report, run: &Run) {
    let state = case.facts.state();
    let code = state.exit_code;
    let signal = words::signal_of(code);
    match (code, signal) {
        (_, Some(words::SIGKILL)) if state.oom_killed || run.oom => {}
        (0, _) => done(case, report, run),
        (126, _) => {
            let text = "A shell or start script in it found a command that cannot be executed (code 126): it is no \
                 program, or may not be executed by this user.";
            report.because(Kind::CommandNotExecutable, text);
            report.advise("Look at the permissions of that file, and at its first line if it is a script.");
        }
        (127, _) => {
            let text = "A shell or start script in it did not find a command (code 127).";
            report.because(Kind::CommandNotFound, text);
            report.advise("Check the spelling, and whether the image has that program in its PATH.");
        }
        (UNKNOWN, _) => {
            let text = "Code 255: either its program said so (often exit(-1)), or the machine or the engine went down and \
                 nobody saw how it ended.";
            report.because(Kind::Unknown, text);
        }
        (_, Some(number)) => by_signal(report, number),
        _ => {
            let path = &case.facts.inspect.path;
            let program = if path.is_empty() { "Its program" } else { path };
            report.because(
                Kind::Error,
                format!("{program} ended by itself with code {code}: a failure in its own eyes."),
            );
        }
    }
}

fn by_signal(report: &mut Report, number: i32) {
    let name = words::signal_name(number);
    if let Some((meaning, help)) = words::fault(number) {
        report.because(Kind::Crash, format!("{meaning} ({name})"));
        report.advise(help);
        return;
    }
    let text = if number == words::SIGKILL {
        "Something outside of the engine killed it (SIGKILL): the kernel because the whole machine was out of memory, an \
         administrator, or a process inside of it."
            .to_owned()
    } else {
        format!(
            "{name} ended it, and the engine did not send that: a process inside of it did, or one of the machine's."
        )
    };
    report.because(Kind::Signal, text);
    if number == words::SIGKILL {
        report.advise("See what the kernel says: dmesg | grep -i 'killed process'");
    }
}

fn done(case: &Case<'_>, report: &mut Report, run: &Run) {
    report.because(
        Kind::Done,
        "Its program did its work and ended without an error; a container lives as long as it does.",
    );
    let config = &case.facts.inspect.config;
    let path = case.facts.inspect.path.rsplit('/').next().unwrap_or_default();
    let is_shell = matches!(path, "sh" | "bash" | "dash" | "ash" | "zsh") && case.facts.inspect.args.is_empty();
    if is_shell && !config.open_stdin {
        report.advise(format!("A shell without input ends at once: {}", case.line("run -it …")));
    } else if run.lasted.is_some_and(|nanos| nanos < SHORT) && !path.is_empty() {
        report.advise(
            "If it should run on: a program that goes to the background ends its container; let it stay in front.",
        );
    }
}

/// What the restart policy makes of it.
fn restarts(case: &Case<'_>, report: &mut Report, run: &Run) {
    let (policy, most) = case.policy();
    let count = case.facts.inspect.restart_count;
    let name = case.name();
    match case.facts.state().status.as_str() {
        "restarting" => {
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            report.because(
                Kind::RestartPolicy,
                format!(
                    "Its restart policy ({policy}) has started it again {times}. The pause before that is {} now; it doubles \
                     with each run shorter than 10 seconds, up to a minute.",
                    span(pause(count))
                ),
            );
            report.advise(format!("To look at it in peace, end the loop: {}", case.line(&format!("stop {name}"))));
        }
        "exited" if policy == "on-failure" && most > 0 && count >= most => {
            report.because(
                Kind::RestartPolicy,
                format!("Its restart policy gave up after {most} restarts (on-failure:{most})."),
            );
        }
        "exited" if run.asked != Asked::Nobody && matches!(policy, "always" | "unless-stopped" | "on-failure") => {
            report.because(
                Kind::RestartPolicy,
                format!("Its restart policy ({policy}) does not start what was stopped."),
            );
        }
        _ => {}
    }
}

/// The pause before the restart of this number, if no run was long: 100 ms, doubled each time, a minute at most.
fn pause(count: i64) -> i64 {
    let doublings = u32::try_from(count.clamp(1, 20) - 1).unwrap_or(0);
    (100_000_000_i64 << doublings).min(60_000_000_000)
}

/// What the last lines give away. Not of an end that was wanted.
fn last_lines(case: &Case<'_>, report: &mut Report, run: &Run) {
    if run.asked == Asked::Nobody && case.facts.state().exit_code != 0 {
        hint(case, report);
        if case.facts.lines.is_empty() && !run.oom {
            let why = case.facts.no_lines.as_deref().unwrap_or("it wrote nothing");
            report.because(Kind::LastLines, format!("There are no last lines to look at: {why}."));
        } else if !case.facts.lines.is_empty() {
            report.advise(format!("Read on: {}", case.line(&format!("logs --tail 100 {}", case.name()))));
        }
    }
}

/// Tells what the last lines give away, if anything.
pub(super) fn hint(case: &Case<'_>, report: &mut Report) {
    if let Some((line, meaning, help)) = words::hint(&case.facts.lines) {
        report.because(Kind::LastLines, format!("It said \"{}\". {meaning}", line.trim()));
        report.advise(help);
    }
}
