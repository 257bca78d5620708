//! How containers end and begin again.

use crate::support::{BUSYBOX, engine, inspect, outcome};
use std::time::Instant;

#[test]
fn stop_asks_then_kills() {
    let Some(engine) = engine() else { return };
    let polite = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    engine.run(&["run", "-d", "--name", "polite", BUSYBOX, "sh", "-c", polite]).unwrap();
    let (mut follow, mut lines) = engine.follow(&["logs", "-f", "polite"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("ready"));
    assert_eq!(engine.run(&["stop", "polite"]).unwrap(), "polite\n");
    assert_eq!(lines.next().as_deref(), Some("bye"));
    follow.wait().unwrap();
    assert_eq!(inspect(&engine, "polite", "{{.State.ExitCode}} {{.State.Status}}"), "7 exited");

    engine.run(&["run", "-d", "--name", "deaf", BUSYBOX, "sleep", "1000"]).unwrap();
    let begin = Instant::now();
    engine.run(&["stop", "-t", "1", "deaf"]).unwrap();
    assert!((0.9..8.0).contains(&begin.elapsed().as_secs_f64()), "{:?}", begin.elapsed());
    assert_eq!(inspect(&engine, "deaf", "{{.State.ExitCode}}"), "137");
    // Stopping what is stopped is no error.
    assert_eq!(engine.run(&["stop", "deaf"]).unwrap(), "deaf\n");
}

#[test]
fn kill_start_and_restart() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["kill", "-s", "KILL", "box"]).unwrap();
    assert_eq!(engine.run(&["wait", "box"]).unwrap(), "137\n");
    let (code, _, err) = outcome(&engine, &["kill", "box"]);
    assert_eq!(code, 1);
    assert!(err.contains("is not running"), "{err}");
    engine.run(&["start", "box"]).unwrap();
    let first = inspect(&engine, "box", "{{.State.Pid}}");
    engine.run(&["restart", "-t", "0", "box"]).unwrap();
    let second = inspect(&engine, "box", "{{.State.Pid}}");
    assert_ne!(first, second);
    assert_eq!(inspect(&engine, "box", "{{.State.Running}}"), "true");
}

#[test]
fn pausing_freezes() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["pause", "box"]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.Status}} {{.State.Paused}}"), "paused true");
    let (code, _, err) = outcome(&engine, &["exec", "box", "true"]);
    assert_eq!(code, 1);
    assert!(err.contains("is paused"), "{err}");
    engine.run(&["unpause", "box"]).unwrap();
    assert_eq!(engine.run(&["exec", "box", "echo", "awake"]).unwrap(), "awake\n");
}

#[test]
fn restart_policies() {
    let Some(engine) = engine() else { return };
    let flags = ["run", "-d", "--name", "box", "--restart", "on-failure:2", BUSYBOX, "sh", "-c", "exit 5"];
    engine.run(&flags).unwrap();
    let mut lines = String::new();
    for _ in 0..100 {
        lines = inspect(&engine, "box", "{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}");
        if lines.starts_with("exited 2") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(lines, "exited 2 5");
}

/// `wait` tells each end, also of a container that is started again.
#[test]
fn waiting_for_what_is_restarted() {
    let Some(engine) = engine() else { return };
    let flags = ["run", "-d", "--name", "box", "--restart", "always", BUSYBOX, "sh", "-c", "sleep 1; exit 3"];
    engine.run(&flags).unwrap();
    assert_eq!(engine.run(&["wait", "box"]).unwrap(), "3\n");
    engine.run(&["rm", "-f", "box"]).unwrap();
}

#[test]
fn events_tell_the_story() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "--rm", "--name", "box", BUSYBOX, "true"]).unwrap();
    // What another engine has seen is remembered, once it is on disk.
    let journal = engine.host.path("data/events/events");
    let is_written = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("destroy"));
    for _ in 0..1000 {
        if is_written() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(is_written());
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    let format = "{{.Type}} {{.Action}}";
    let until = engine.run(&["run", "--rm", BUSYBOX, "date", "+%s"]).unwrap();
    let until = (until.trim().parse::<u64>().unwrap() + 1).to_string();
    let out =
        engine.run(&["events", "--since", "0", "--until", &until, "--format", format, "-f", "container=box"]).unwrap();
    let actions: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("container ")).collect();
    assert_eq!(actions, ["create", "attach", "start", "die", "destroy"]);
}
