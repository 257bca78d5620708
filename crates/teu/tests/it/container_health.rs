//! Health checks: by command and over the network, across the daemon's death, and what follows from them.

use crate::support::{BUSYBOX, engine, inspect, outcome};
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;

/// Runs a container in the background that is checked ten times a second.
fn run(engine: &Engine, name: &str, flags: &[&str], script: &str) {
    let fixed = ["run", "-d", "--name", name, "--health-interval", "100ms", "--health-retries", "2"];
    engine.run(&[&fixed, flags, &[BUSYBOX, "sh", "-c", script]].concat()).unwrap();
}

/// Waits until a template shows this.
fn wait_for(engine: &Engine, container: &str, template: &str, wanted: &str) {
    let begin = Instant::now();
    let mut found = String::new();
    while begin.elapsed() < Duration::from_secs(20) {
        found = inspect(engine, container, template);
        if found == wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let health = inspect(engine, container, "{{json .State}}");
    panic!("{template} of {container} is {found:?}, not {wanted:?}: {health}");
}

const STATUS: &str = "{{.State.Health.Status}}";

#[test]
fn a_command_tells() {
    let Some(engine) = engine() else { return };
    run(&engine, "box", &["--health-cmd", "echo looked; test -f /ok"], "sleep 1000");
    wait_for(&engine, "box", STATUS, "unhealthy");
    let out = engine.run(&["ps", "--format", "{{.Status}}", "--filter", "health=unhealthy"]).unwrap();
    assert!(out.trim_end().ends_with("(unhealthy)"), "{out}");
    engine.run(&["exec", "box", "touch", "/ok"]).unwrap();
    wait_for(&engine, "box", STATUS, "healthy");
    wait_for(&engine, "box", "{{len .State.Health.Log}} {{.State.Health.FailingStreak}}", "5 0");
    let last = inspect(&engine, "box", "{{with index .State.Health.Log 4}}{{.ExitCode}} {{.Output}}{{end}}");
    assert_eq!(last, "0 looked");
    engine.run(&["stop", "-t", "0", "box"]).unwrap();
    assert_eq!(inspect(&engine, "box", STATUS), "unhealthy");
    let (_, until) = ("", engine.run(&["run", "--rm", BUSYBOX, "date", "+%s"]).unwrap());
    let until = (until.trim().parse::<u64>().unwrap() + 1).to_string();
    let flags = ["events", "--since", "1", "--until", &until, "--format", "{{.Action}}", "-f", "event=health_status"];
    let events = engine.run(&flags).unwrap();
    assert_eq!(events, "health_status: unhealthy\nhealth_status: healthy\n");
}

#[test]
fn what_a_command_may_do_wrong() {
    let Some(engine) = engine() else { return };
    let flags = ["--health-cmd", "sleep 100", "--health-timeout", "50ms"];
    run(&engine, "slow", &flags, "sleep 1000");
    wait_for(&engine, "slow", STATUS, "unhealthy");
    let last = "{{with index .State.Health.Log 0}}{{.ExitCode}} {{.Output}}{{end}}";
    assert_eq!(inspect(&engine, "slow", last), "-1 Health check exceeded timeout (50ms)");
    let sleeping = engine.run(&["exec", "slow", "sh", "-c", "ps | grep -c '[s]leep 100$' || true"]).unwrap();
    assert!(sleeping.trim().parse::<u32>().unwrap() <= 1, "killed probes are gone: {sleeping}");
    run(&engine, "loud", &["--health-cmd", "head -c 5000 /dev/zero | tr '\\0' x"], "sleep 1000");
    wait_for(&engine, "loud", STATUS, "healthy");
    let output = inspect(&engine, "loud", "{{(index .State.Health.Log 0).Output}}");
    assert_eq!((output.len(), output.ends_with("xxx...")), (4099, true));
}

#[test]
fn probes_without_a_shell() {
    let Some(engine) = engine() else { return };
    let serve = "mkdir /www; echo up >/www/index.html; httpd -f -p 8080 -h /www";
    run(&engine, "http", &["--health-http", "http://localhost:8080/index.html"], serve);
    wait_for(&engine, "http", STATUS, "healthy");
    assert_eq!(inspect(&engine, "http", "{{json (index .State.Health.Log 0).Output}}"), "\"HTTP 200 OK\\nup\\n\"");
    engine.run(&["exec", "http", "rm", "/www/index.html"]).unwrap();
    wait_for(&engine, "http", STATUS, "unhealthy");
    // Also where there is no network but the loopback interface.
    run(&engine, "tcp", &["--network", "none", "--health-tcp", "8080"], serve);
    wait_for(&engine, "tcp", STATUS, "healthy");
    run(&engine, "closed", &["--health-tcp", "5433"], serve);
    wait_for(&engine, "closed", STATUS, "unhealthy");
    let output = inspect(&engine, "closed", "{{(index .State.Health.Log 0).Output}}");
    assert!(output.starts_with("localhost:5433: Connection refused"), "{output}");
    run(&engine, "grpc", &["--health-grpc", "8080"], serve);
    wait_for(&engine, "grpc", STATUS, "unhealthy");
    let (code, _, err) = outcome(&engine, &["create", "--health-http", "https://web/", BUSYBOX]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("HTTP in Healthcheck needs an address"), "{err}");
}

#[test]
fn the_verdict_survives_the_daemon() {
    let Some(mut engine) = engine() else { return };
    run(&engine, "box", &["--health-cmd", "test ! -f /bad"], "sleep 1000");
    wait_for(&engine, "box", STATUS, "healthy");
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(inspect(&engine, "box", STATUS), "healthy");
    engine.run(&["exec", "box", "touch", "/bad"]).unwrap();
    wait_for(&engine, "box", STATUS, "unhealthy");
}

#[test]
fn the_unhealthy_are_dealt_with() {
    let Some(engine) = engine() else { return };
    // Healthy until its first restart is over.
    let flags = ["--health-cmd", "test -f /second", "--health-on-failure", "restart"];
    run(&engine, "again", &flags, "test -f /first && touch /second; touch /first; exec sleep 1000");
    wait_for(&engine, "again", STATUS, "healthy");
    run(&engine, "ended", &["--health-cmd", "false", "--health-on-failure", "kill"], "sleep 1000");
    wait_for(&engine, "ended", "{{.State.Status}} {{.State.ExitCode}}", "exited 137");
    let (code, _, err) = outcome(&engine, &["create", "--health-cmd", "x", "--health-on-failure", "cry", BUSYBOX]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("invalid OnFailure in Healthcheck: 'cry'"), "{err}");
}
