//! Whole cases: what the engine tells, and what is made of it.

use jiff::Timestamp;
use serde_json::{Value, json};
use teu_api::container::{Health, HealthResult, Inspect, Stats};
use teu_api::event::{Actor, Event};

use super::diagnosis;
use super::facts::Facts;
use super::report::{Kind, Report};

/// The time of the cases, in seconds since 1970.
const NOW: i64 = 1_700_000_000;

/// A container with this state, and what differs from the ordinary.
fn container(state: &Value, rest: &Value) -> Facts {
    let mut document = json!({
        "Id": "abc", "Name": "/web", "Path": "/bin/server", "State": state, "RestartCount": 0,
        "Created": time(-100), "Config": {"Image": "shop"}, "HostConfig": {"RestartPolicy": {"Name": "no"}},
    });
    for (key, value) in rest.as_object().unwrap() {
        document[key] = value.clone();
    }
    let inspect: Inspect = serde_json::from_value(document).unwrap();
    Facts { inspect, now: Timestamp::from_second(NOW).unwrap(), ..Facts::default() }
}

fn time(seconds: i64) -> String {
    Timestamp::from_second(NOW + seconds).unwrap().to_string()
}

/// A container that ended with `code` after 30 seconds.
fn ended(code: i64, rest: &Value) -> Facts {
    let state = json!({"Status": "exited", "ExitCode": code, "StartedAt": time(-90), "FinishedAt": time(-60)});
    container(&state, rest)
}

impl Facts {
    /// With events: seconds from now, action, attributes as `key=value`.
    fn with_events(mut self, events: &[(i64, &str, &str)]) -> Self {
        self.events = events
            .iter()
            .map(|(at, action, attributes)| {
                let pairs = attributes.split_terminator(',').filter_map(|pair| pair.split_once('='));
                let attributes = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                Event {
                    action: (*action).to_owned(),
                    time: NOW + at,
                    time_nano: (NOW + at) * 1_000_000_000,
                    actor: Actor { id: "abc".to_owned(), attributes },
                    ..Event::default()
                }
            })
            .collect();
        self
    }

    fn with_lines(mut self, lines: &[&str]) -> Self {
        self.lines = lines.iter().map(|line| (*line).to_owned()).collect();
        self
    }

    fn report(&self) -> Report {
        diagnosis::of(self, "teu")
    }
}

/// Checks the kinds of causes in their order, and that all `words` are said somewhere.
fn check(report: &Report, kinds: &[Kind], words: &[&str]) {
    let text = report.sentences(10_000);
    assert_eq!(report.causes.iter().map(|cause| cause.kind).collect::<Vec<_>>(), kinds, "{text}");
    for words in words {
        assert!(text.contains(words), "{words:?} in\n{text}");
    }
}

#[test]
fn memory() {
    let mut facts = ended(137, &json!({"HostConfig": {"Memory": 64 << 20}}));
    facts.inspect.state.oom_killed = true;
    let facts = facts.with_events(&[(-90, "start", ""), (-60, "oom", ""), (-60, "die", "exitCode=137")]);
    let report = facts.report();
    check(
        &report,
        &[Kind::OutOfMemory],
        &[
            "web ended about a minute ago with exit code 137 (SIGKILL), after it had run for 30 seconds.",
            "more memory than its limit of 64MiB: the kernel killed it.",
            "teu update --memory 128m --memory-swap 128m web",
        ],
    );
    assert_eq!(report.signal.as_deref(), Some("SIGKILL"));
}

#[test]
fn who_asked() {
    let stop = [(-90, "start", ""), (-61, "kill", "signal=15"), (-60, "die", "exitCode=143"), (-60, "stop", "")];
    let report = ended(143, &json!({})).with_events(&stop).report();
    check(&report, &[Kind::Asked], &["Somebody stopped it", "SIGTERM", "teu start web"]);

    let kill = [(-90, "start", ""), (-61, "kill", "signal=9"), (-60, "die", "exitCode=137")];
    let report = ended(137, &json!({})).with_events(&kill).report();
    check(&report, &[Kind::Asked], &["Somebody sent it SIGKILL through the engine (kill)."]);

    let report = ended(137, &json!({})).with_events(&[(-90, "start", ""), (-60, "die", "exitCode=137")]).report();
    check(&report, &[Kind::Signal, Kind::LastLines], &["outside of the engine", "dmesg"]);

    let removed = [&kill[..], &[(-60, "destroy", "")]].concat();
    let mut facts = ended(137, &json!({})).with_events(&removed);
    facts.inspect.state.status = "gone".to_owned();
    check(&facts.report(), &[Kind::Asked], &["Somebody removed it by force", "It is removed"]);

    let unhealthy = [
        (-90, "start", ""),
        (-61, "health_status: unhealthy", ""),
        (-61, "kill", "signal=9"),
        (-60, "die", "exitCode=137"),
    ];
    let healthcheck = json!({"Config": {"Healthcheck": {"Test": ["CMD", "x"], "OnFailure": "kill"}}});
    let report = ended(137, &healthcheck).with_events(&unhealthy).report();
    check(&report, &[Kind::ActionWhenUnhealthy], &["because it had become unhealthy", "--health-on-failure"]);
    let report = ended(137, &json!({})).with_events(&unhealthy).report();
    check(&report, &[Kind::Asked], &["Somebody sent it"]);
}

#[test]
fn deaf_to_the_stop_signal() {
    let events = [
        (-90, "start", ""),
        (-70, "kill", "signal=15"),
        (-60, "kill", "signal=9"),
        (-60, "die", "exitCode=137"),
        (-60, "stop", ""),
    ];
    let report = ended(137, &json!({"Path": "/bin/sh"})).with_events(&events).report();
    let words =
        ["did not end by SIGTERM within 10 seconds, and was killed", "let the command begin with exec", "--init"];
    check(&report, &[Kind::Asked, Kind::StopIgnored], &words);
}

#[test]
fn codes() {
    let of = |code| ended(code, &json!({})).with_lines(&["bye"]).report();
    check(&of(0), &[Kind::Done], &["did its work"]);
    check(&of(1), &[Kind::Error], &["/bin/server ended by itself with code 1", "teu logs --tail 100 web", "  | bye"]);
    check(&of(126), &[Kind::CommandNotExecutable], &["code 126"]);
    check(&of(127), &[Kind::CommandNotFound], &["code 127"]);
    check(&of(134), &[Kind::Crash], &["abort()", "SIGABRT"]);
    check(&of(139), &[Kind::Crash], &["segmentation fault", "SIGSEGV", "core"]);
    check(&of(143), &[Kind::Signal], &["SIGTERM ended it, and the engine did not send that"]);
    check(&of(255), &[Kind::Unknown], &["nobody saw"]);
    let report = ended(1, &json!({})).with_lines(&["listen :80: bind: Address already in use", "bye"]).report();
    check(&report, &[Kind::Error, Kind::LastLines], &["It said \"listen :80: bind: Address already in use\". A port"]);
}

#[test]
fn starts_that_fail() {
    let failed = |error: &str| {
        let state = json!({"Status": "created", "ExitCode": 127, "Error": error});
        container(&state, &json!({})).report()
    };
    check(
        &failed("Bind for 0.0.0.0:80 failed: port is already allocated"),
        &[Kind::StartFailed, Kind::StartFailed],
        &["A port that it publishes on the host is taken.", "ss -ltnp"],
    );
    check(
        &failed("bind mount on /etc: not a directory: unknown: Are you trying to mount a directory onto a file (or"),
        &[Kind::StartFailed, Kind::StartFailed],
        &["A file of the host is to be mounted on a folder", "Check both paths"],
    );
    check(&failed("strange"), &[Kind::StartFailed], &["The engine says: strange"]);
    let never = container(&json!({"Status": "created"}), &json!({})).report();
    check(&never, &[Kind::NotStarted], &["was created about a minute ago and never started", "teu start web"]);
    assert_eq!(never.exit_code, None);
}

/// Each reason for which a program is not executed, as the engine words it, and what to say to it.
#[test]
fn programs_that_do_not_run() {
    let cases = [
        (Kind::CommandNotFound, "executable file not found in $PATH", "The image shop has no program called"),
        (Kind::CommandNotFound, "stat /x: no such file or directory", "is not in the image shop"),
        (
            Kind::CommandNotFound,
            "stat /x: not a directory: unknown: Are you trying to mount",
            "folder in that path is a",
        ),
        (Kind::CommandNotFound, "stat /x: too many levels of symbolic links", "leads back to itself"),
        (Kind::CommandNotFound, "stat /x: file name too long", "as one word"),
        (Kind::CommandNotExecutable, "permission denied", "may not be executed"),
        (Kind::CommandNotExecutable, "is a directory: unknown: permission denied", "is a folder, not a program"),
        (Kind::CommandNotExecutable, "exec format error", "another kind of processor"),
        (Kind::CommandNotExecutable, "no such file or directory", "its interpreter"),
        (Kind::CommandNotExecutable, "not a directory: unknown: Are you trying to mount", "its interpreter"),
        (Kind::CommandNotExecutable, "too many levels of symbolic links", "its interpreter"),
    ];
    for (kind, reason, words) in cases {
        let error = format!("failed to create task: exec: \"/bin/server\": {reason}: unknown");
        let state = json!({"Status": "created", "ExitCode": 127, "Error": error});
        let report = container(&state, &json!({})).report();
        check(&report, &[kind, Kind::StartFailed], &["web could not be started.", words]);
    }
}

#[test]
fn restart_policies() {
    let looping = json!({"Status": "restarting", "ExitCode": 1, "StartedAt": time(-2), "FinishedAt": time(-1)});
    let policy = json!({"RestartCount": 4, "HostConfig": {"RestartPolicy": {"Name": "always"}}});
    let report = container(&looping, &policy).with_lines(&["x"]).report();
    let words = ["will be started again", "(always) has started it again 4 times", "is 800 ms now", "teu stop web"];
    check(&report, &[Kind::Error, Kind::RestartPolicy], &words);

    let policy =
        json!({"RestartCount": 3, "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}}});
    let report = ended(1, &policy).with_lines(&["x"]).report();
    check(&report, &[Kind::Error, Kind::RestartPolicy], &["gave up after 3 restarts"]);
}

#[test]
fn one_that_runs() {
    let running = json!({"Status": "running", "Running": true, "StartedAt": time(-300)});
    let report = container(&running, &json!({})).report();
    check(&report, &[Kind::Fine], &["web runs; it was started 5 minutes ago.", "nothing that is wrong"]);

    let mut facts = container(&running, &json!({"Config": {"Healthcheck": {"Test": ["CMD-SHELL", "curl -f x"]}}}));
    let result = HealthResult { exit_code: 127, output: "curl: not found\n".to_owned(), ..HealthResult::default() };
    let health = Health { status: "unhealthy".to_owned(), failing_streak: 3, log: Some(vec![result]) };
    facts.inspect.state.health = Some(health);
    let words =
        ["is unhealthy", "failed 3 times in a row: CMD-SHELL curl -f x", "said: curl: not found", "--health-http"];
    check(&facts.report(), &[Kind::Unhealthy, Kind::Unhealthy], &words);

    let mut facts = container(&running, &json!({"HostConfig": {"Memory": 1000}}));
    let mut stats = Stats::default();
    (stats.memory_stats.usage, stats.memory_stats.limit) = (950, 1000);
    (stats.cpu_stats.throttling_data.periods, stats.cpu_stats.throttling_data.throttled_periods) = (100, 40);
    (stats.pids_stats.current, stats.pids_stats.limit) = (7, u64::MAX);
    facts.stats = Some(stats);
    check(&facts.report(), &[Kind::Pressure, Kind::Pressure], &["950B of the 1000B", "in 40% of all periods"]);

    let events = [(-900, "start", ""), (-310, "die", "exitCode=3"), (-300, "start", "")];
    let policy = json!({"RestartCount": 1, "HostConfig": {"RestartPolicy": {"Name": "always"}}});
    let report = container(&running, &policy).with_events(&events).report();
    check(&report, &[Kind::RestartPolicy], &["started it again once", "ended after 9 minutes: exit code 3."]);

    let events = [
        (-900, "start", ""),
        (-311, "kill", "signal=15"),
        (-310, "die", "exitCode=0"),
        (-310, "stop", ""),
        (-300, "start", ""),
        (-300, "restart", ""),
    ];
    let report = container(&running, &json!({})).with_events(&events).report();
    check(&report, &[Kind::Earlier], &["exit code 0, restarted by somebody"]);
}

#[test]
fn frozen() {
    let report = container(&json!({"Status": "paused"}), &json!({})).with_events(&[(-60, "pause", "")]).report();
    check(&report, &[Kind::Paused], &["Somebody paused it about a minute ago.", "teu unpause web"]);
}
