//! What is wrong with a container that runs.

use teu_api::container::{Health, Stats};

use super::diagnosis::Case;
use super::ending::{self, span};
use super::report::{Kind, Report};
use super::story::{Asked, Run};
use super::words;
use crate::format::units::binary_size;

/// Part of a limit from which on it is told, in percent.
const NEAR: u64 = 90;
/// Part of the periods held back by a processor quota from which on it is told, in percent.
const THROTTLED: u64 = 25;

/// Explains a container that runs.
pub(super) fn explain(case: &Case<'_>, report: &mut Report) {
    let state = case.facts.state();
    let health = state.health.as_ref().filter(|health| !matches!(health.status.as_str(), "" | "none"));
    let well = health.map_or_else(String::new, |health| format!(" and is {}", health.status));
    report.summary = format!("{} runs{well}; it was started{}.", case.name(), case.ago(&state.started_at));
    if let Some(health) = health {
        checks(case, report, health);
    }
    if let Some(stats) = &case.facts.stats {
        pressure(case, report, stats);
    }
    earlier(case, report);
    if report.causes.is_empty() {
        report.because(Kind::Fine, "The engine knows of nothing that is wrong with it.");
        report.advise(format!("What it does: {}", case.line(&format!("logs -f {}", case.name()))));
    }
}

fn checks(case: &Case<'_>, report: &mut Report, health: &Health) {
    let check = case.facts.inspect.config.healthcheck.as_ref();
    let test = check.and_then(|check| check.test.as_ref()).map(|test| test.join(" ")).unwrap_or_default();
    let last = health.log.as_ref().and_then(|log| log.last());
    let failed = last.filter(|result| result.exit_code != 0);
    match (health.status.as_str(), failed) {
        ("unhealthy", _) | ("healthy", Some(_)) => {
            let times = if health.failing_streak == 1 { "once" } else { &format!("{} times", health.failing_streak) };
            report.because(Kind::Unhealthy, format!("Its health check has failed {times} in a row: {test}"));
        }
        ("starting", failed) => {
            let so_far =
                if failed.is_some() { "has not succeeded yet" } else { "has not been made yet, or not answered" };
            report.because(Kind::Unhealthy, format!("Its health check {so_far}: {test}"));
        }
        _ => return,
    }
    let Some(last) = failed else { return };
    let output = last.output.trim();
    if !output.is_empty() {
        report.because(Kind::Unhealthy, format!("The last one ended with {} and said: {output}", last.exit_code));
    }
    let small = output.to_lowercase();
    match last.exit_code {
        126 | 127 => report.advise(
            "The check itself does not run: its program is not in the image. --health-http and --health-tcp need none.",
        ),
        _ if small.contains("exceeded timeout") => {
            report.advise("It takes too long: raise --health-timeout, or find out what it waits for.")
        }
        _ if small.contains("not found") && !small.contains("404") => {
            report.advise("The check itself does not run: its program is not in the image. --health-http and --health-tcp need none.");
        }
        _ if small.contains("connection refused") => report
            .advise("Nothing listens where it asks: check the port, and that the program listens on that address."),
        _ => {}
    }
    report
        .advise(format!("What the program says meanwhile: {}", case.line(&format!("logs --tail 100 {}", case.name()))));
}

/// Limits that it is near to, or that hold it back.
fn pressure(case: &Case<'_>, report: &mut Report, stats: &Stats) {
    let memory = &stats.memory_stats;
    let used = memory.without_cache();
    if case.facts.inspect.host_config.memory > 0 && is_near(used, memory.limit) {
        let size = |bytes: u64| binary_size(i64::try_from(bytes).unwrap_or(i64::MAX));
        let text = format!(
            "It uses {} of the {} of memory that it may: the kernel kills it when it needs more.",
            size(used),
            size(memory.limit)
        );
        report.because(Kind::Pressure, text);
        report.advise(format!("Give it more: {}", case.line(&format!("update --memory … {}", case.name()))));
    }
    let throttling = &stats.cpu_stats.throttling_data;
    if throttling.periods > 0 && throttling.throttled_periods * 100 >= throttling.periods * THROTTLED {
        let part = throttling.throttled_periods * 100 / throttling.periods;
        report.because(Kind::Pressure, format!("Its processor limit held it back in {part}% of all periods."));
        report.advise(format!("Give it more: {}", case.line(&format!("update --cpus … {}", case.name()))));
    }
    let pids = &stats.pids_stats;
    if is_near(pids.current, pids.limit) {
        report.because(
            Kind::Pressure,
            format!("It has {} of the {} processes that it may have.", pids.current, pids.limit),
        );
        report.advise(format!("Give it more: {}", case.line(&format!("update --pids-limit … {}", case.name()))));
    }
}

fn is_near(used: u64, limit: u64) -> bool {
    // Engines say "no limit" by 0 or by the largest number.
    limit > 0 && limit < u64::MAX / 100 && used >= limit / 100 * NEAR
}

/// How the run before this one ended.
fn earlier(case: &Case<'_>, report: &mut Report) {
    let Some(run) = case.runs.iter().rev().find(|run| run.died.is_some()) else { return };
    let (policy, _) = case.policy();
    let count = case.facts.inspect.restart_count;
    let Some((_, code)) = run.died else { return };
    let lasted = run.lasted.map_or_else(String::new, |nanos| format!(" after {}", span(nanos)));
    let how = manner(run, code);
    if count > 0 {
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        report.because(
            Kind::RestartPolicy,
            format!("Its restart policy ({policy}) has started it again {times}. The run before ended{lasted}: {how}."),
        );
        ending::hint(case, report);
        report.advise(format!("What it said before: {}", case.line(&format!("logs --tail 100 {}", case.name()))));
    } else {
        report.because(Kind::Earlier, format!("The run before this one ended{lasted}: {how}."));
    }
}

/// How a run ended, in a few words.
fn manner(run: &Run, code: i64) -> String {
    let signal = words::signal_of(code).map(|number| format!(" ({})", words::signal_name(number))).unwrap_or_default();
    let why = match run.asked {
        Asked::Stop => ", stopped by somebody",
        Asked::Restart => ", restarted by somebody",
        Asked::Kill => ", killed by somebody",
        Asked::Removal => ", removed by force",
        Asked::Health => ", ended by the engine because it was unhealthy",
        Asked::Nobody if run.oom => ", out of memory",
        Asked::Nobody => "",
    };
    format!("exit code {code}{signal}{why}")
}
