//! `why`: what ended containers, told by the engine that ran them.

use crate::support::{BUSYBOX, engine, outcome};
use teu_testkit::engine::Engine;

/// The kinds of causes that are told, in their order, and the whole answer.
fn why(engine: &Engine, container: &str) -> (Vec<String>, String) {
    let (code, out, err) = outcome(engine, &["why", "--format", "json", container]);
    assert_eq!((code, err.as_str()), (0, ""), "{container}");
    let kinds = out.lines().filter_map(|line| line.trim().strip_prefix("\"Kind\": \"")?.strip_suffix("\","));
    (kinds.map(str::to_owned).collect(), out)
}

fn run(engine: &Engine, name: &str, flags: &[&str], command: &[&str]) -> i32 {
    outcome(engine, &[&["run", "--name", name], flags, &[BUSYBOX], command].concat()).0
}

#[test]
fn ends() {
    let Some(engine) = engine() else { return };
    assert_eq!(run(&engine, "code", &[], &["sh", "-c", "echo no space left on device >&2; exit 3"]), 3);
    let (kinds, text) = why(&engine, "code");
    assert_eq!(kinds, ["error", "last-lines"], "{text}");
    assert!(text.contains("\"no space left on device\""), "{text}");

    assert_eq!(run(&engine, "memory", &["-m", "20m"], &["sh", "-c", "x=a; while :; do x=$x$x; done"]), 137);
    let (kinds, text) = why(&engine, "memory");
    assert_eq!(kinds, ["out-of-memory"], "{text}");
    assert!(text.contains("its limit of 20MiB: the kernel killed it"), "{text}");

    assert_eq!(run(&engine, "missing", &[], &["nosuch"]), 127);
    let (kinds, text) = why(&engine, "missing");
    assert_eq!(kinds, ["command-not-found", "start-failed"], "{text}");

    assert_eq!(run(&engine, "crash", &[], &["sh", "-c", "kill -SEGV $$; sleep 1"]), 0, "PID 1 does not hear itself");
    assert_eq!(run(&engine, "fault", &["--init"], &["sh", "-c", "kill -SEGV $$; sleep 1"]), 139);
    assert_eq!(why(&engine, "fault").0[0], "crash");
}

#[test]
fn who_asked() {
    let Some(engine) = engine() else { return };
    run(&engine, "stopped", &["-d", "--init"], &["sh", "-c", "echo up; exec sleep 1000"]);
    // A first process that has not come to its handlers yet does not hear the signal.
    let (mut logs, mut lines) = engine.follow(&["logs", "-f", "stopped"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("up"));
    engine.run(&["stop", "stopped"]).unwrap();
    logs.wait().unwrap();
    let (kinds, text) = why(&engine, "stopped");
    assert_eq!(kinds, ["asked"], "{text}");
    assert!(text.contains("Somebody stopped it") && text.contains("SIGTERM"), "{text}");

    run(&engine, "deaf", &["-d"], &["sleep", "1000"]);
    engine.run(&["stop", "-t", "0", "deaf"]).unwrap();
    let (kinds, text) = why(&engine, "deaf");
    assert_eq!(kinds, ["asked", "stop-ignored"], "{text}");

    run(&engine, "killed", &["-d"], &["sleep", "1000"]);
    engine.run(&["kill", "killed"]).unwrap();
    assert!(why(&engine, "killed").1.contains("Somebody sent it SIGKILL"));

    run(&engine, "again", &["-d"], &["sleep", "1000"]);
    engine.run(&["restart", "-t", "0", "again"]).unwrap();
    let (kinds, text) = why(&engine, "again");
    assert_eq!(kinds, ["earlier"], "{text}");
    assert!(text.contains("restarted by somebody"), "{text}");

    engine.run(&["rm", "-f", "again"]).unwrap();
    let (kinds, text) = why(&engine, "again");
    assert_eq!(kinds, ["asked"], "{text}");
    assert!(text.contains("removed it by force") && text.contains("\"Status\": \"gone\""), "{text}");
}

#[test]
fn ills_of_one_that_lives() {
    let Some(engine) = engine() else { return };
    let flags = ["-d", "--health-cmd", "nosuch", "--health-interval", "100ms", "--health-retries", "1"];
    run(&engine, "ill", &flags, &["sleep", "1000"]);
    while !engine.run(&["ps"]).unwrap().contains("(unhealthy)") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (kinds, text) = why(&engine, "ill");
    assert_eq!(kinds, ["unhealthy", "unhealthy"], "{text}");
    assert!(text.contains("The check itself does not run"), "{text}");

    run(&engine, "fine", &["-d"], &["sleep", "1000"]);
    assert_eq!(why(&engine, "fine").0, ["fine"]);
    engine.run(&["pause", "fine"]).unwrap();
    assert_eq!(why(&engine, "fine").0, ["paused"]);
    engine.run(&["unpause", "fine"]).unwrap();

    engine.run(&["create", "--name", "new", BUSYBOX]).unwrap();
    assert_eq!(why(&engine, "new").0, ["not-started"]);
}
