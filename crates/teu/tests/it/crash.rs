//! Daemon and keeper killed with -9: containers run on and nothing is lost.

use crate::support::{BUSYBOX, engine, inspect};
use std::process::Command;
use std::time::{Duration, Instant};
use teu_testkit::engine::{Engine, kill};

const CHATTY: &str =
    "i=0; while [ ! -f /tmp/stop ]; do echo line $i; i=$((i+1)); usleep 1000; done; echo end $i; exit 33";

fn keeper_pid(engine: &Engine) -> u32 {
    teu_testkit::engine::keeper_pid(&engine.host).unwrap().expect("a keeper")
}

/// Every line from 0 to the end, each once, then the end.
fn check_log(engine: &Engine, container: &str) {
    let out = engine.run(&["logs", container]).unwrap();
    let mut expected = 0;
    for line in out.lines() {
        if let Some(end) = line.strip_prefix("end ") {
            assert_eq!(end, expected.to_string(), "{container}: the log ends early");
            return;
        }
        assert_eq!(line, format!("line {expected}"), "{container}: a line is lost or doubled");
        expected += 1;
    }
    panic!("{container}: no end after {expected} lines");
}

pub(crate) fn finish(engine: &Engine, names: &[String]) {
    for name in names {
        // Not waited for: the container may end before it does, and ends it with itself.
        engine.run(&["exec", "-d", name, "touch", "/tmp/stop"]).unwrap();
        assert_eq!(engine.run(&["wait", name]).unwrap(), "33\n");
        assert_eq!(inspect(engine, name, "{{.State.ExitCode}} {{.RestartCount}}"), "33 0");
        check_log(engine, name);
    }
}

pub(crate) fn chatty(engine: &Engine, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("chatty{number}")).collect();
    let options = ["--log-opt", "max-size=1g"];
    for name in &names {
        let arguments = [&["run", "-d", "--name", name], &options[..], &[BUSYBOX, "sh", "-c", CHATTY]].concat();
        engine.run(&arguments).unwrap();
    }
    names
}

#[test]
fn a_new_daemon_takes_over() {
    let Some(mut engine) = engine() else { return };
    let names = chatty(&engine, 3);
    let pids: Vec<_> = names.iter().map(|name| inspect(&engine, name, "{{.State.Pid}}")).collect();
    for _ in 0..3 {
        engine.kill_daemon().unwrap();
        let begin = Instant::now();
        engine.start_daemon().unwrap();
        let running = engine.run(&["ps", "-q"]).unwrap().lines().count();
        assert_eq!(running, 3);
        // Far above what it takes: emulated machines are slow. The benchmarks hold the real bar.
        assert!(begin.elapsed().as_secs() < 60, "{:?}", begin.elapsed());
    }
    let after: Vec<_> = names.iter().map(|name| inspect(&engine, name, "{{.State.Pid}}")).collect();
    assert_eq!(pids, after);
    finish(&engine, &names);
}

/// The exit code of a command is no success if its output was cut.
#[test]
fn an_exec_does_not_end_well_that_lost_its_engine() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let script = "echo on; while [ ! -f /tmp/stop ]; do usleep 1000; done; echo lost";
    let (mut client, mut lines) = engine.follow(&["exec", "box", "sh", "-c", script]).unwrap();
    assert_eq!(lines.next().unwrap(), "on");
    let pid = client.id().to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    // It looks again when there is another engine and the command has ended.
    signal("-STOP");
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    engine.run(&["exec", "box", "touch", "/tmp/stop"]).unwrap();
    signal("-CONT");
    assert_eq!(lines.next(), None);
    assert_eq!(client.wait().unwrap().code(), Some(1));
}

#[test]
fn a_new_keeper_takes_over() {
    let Some(engine) = engine() else { return };
    let names = chatty(&engine, 3);
    for _ in 0..3 {
        let old = keeper_pid(&engine);
        kill(old).unwrap();
        // Served by the next keeper: the daemon starts one by itself.
        assert_eq!(engine.run(&["exec", &names[0], "echo", "on"]).unwrap(), "on\n");
        assert_ne!(keeper_pid(&engine), old);
    }
    finish(&engine, &names);
}

#[test]
fn a_keeper_that_was_stopped_goes_on() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let keeper = keeper_pid(&engine);
    assert!(Command::new("kill").args(["-STOP", &keeper.to_string()]).status().unwrap().success());
    // The daemon notices it by itself: whoever waits for the keeper does not wait for ever.
    assert_eq!(engine.run(&["exec", "box", "echo", "on"]).unwrap(), "on\n");
    assert_eq!(keeper_pid(&engine), keeper, "it is the same");
}

#[test]
fn last_words_that_nobody_heard_are_in_the_log() {
    let Some(mut engine) = engine() else { return };
    for round in 0..3 {
        let name = format!("box{round}");
        let script = "while [ ! -f /tmp/alone ]; do usleep 1000; done; echo alone; exit 21";
        engine.run(&["run", "-d", "--name", &name, BUSYBOX, "sh", "-c", script]).unwrap();
        let pid = inspect(&engine, &name, "{{.State.Pid}}");
        // In this order, since a daemon that lives starts another keeper.
        engine.kill_daemon().unwrap();
        kill(keeper_pid(&engine)).unwrap();
        // A zombie, which the keeper's guardian keeps.
        let ended = format!("until grep -q '^State:.Z' /proc/{pid}/status; do sleep 0.01; done");
        engine.host.sh(&format!("touch /proc/{pid}/root/tmp/alone; timeout 20 sh -c \"{ended}\"")).unwrap();
        engine.start_daemon().unwrap();
        assert_eq!(engine.run(&["wait", &name]).unwrap(), "21\n");
        assert_eq!(engine.run(&["logs", &name]).unwrap(), "alone\n");
    }
}

#[test]
fn an_exit_nobody_saw_is_not_invented() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "-i", "--name", "box", BUSYBOX, "sh", "-c", "sleep 0.3; exit 21"]).unwrap();
    engine.kill_daemon().unwrap();
    engine.host.sh("sleep 0.6").unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 21");
}

#[test]
fn removal_with_rm_survives_the_daemon() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--rm", "--name", "box", BUSYBOX, "sleep", "0.3"]).unwrap();
    engine.kill_daemon().unwrap();
    engine.host.sh("sleep 0.6").unwrap();
    engine.start_daemon().unwrap();
    for _ in 0..50 {
        if engine.run(&["ps", "-aq"]).unwrap().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the container is still there");
}
