//! Daemon and keeper killed with -9: containers run on and nothing is lost.

use crate::support::{BUSYBOX, engine, inspect};
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

/// Before Linux 6.15 only a parent learns how a process ended: after the keeper was killed, unknown (255) is right then.
fn exit_code(keeper_killed: bool) -> &'static str {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    let told = (numbers.next().unwrap(), numbers.next().unwrap()) >= (6, 15);
    if keeper_killed && !told { "255" } else { "33" }
}

fn finish(engine: &Engine, names: &[String], keeper_killed: bool) {
    let code = exit_code(keeper_killed);
    for name in names {
        engine.run(&["exec", name, "touch", "/tmp/stop"]).unwrap();
        assert_eq!(engine.run(&["wait", name]).unwrap(), format!("{code}\n"));
        assert_eq!(inspect(engine, name, "{{.State.ExitCode}} {{.RestartCount}}"), format!("{code} 0"));
        check_log(engine, name);
    }
}

fn chatty(engine: &Engine, count: usize) -> Vec<String> {
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
        assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    }
    let after: Vec<_> = names.iter().map(|name| inspect(&engine, name, "{{.State.Pid}}")).collect();
    assert_eq!(pids, after);
    finish(&engine, &names, false);
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
    finish(&engine, &names, true);
}

/// A small version of what `bench torture` does at full size.
#[test]
#[ignore = "the windows that docs/design/crash-safety.md lists are open; run it by hand, or `bench torture`"]
fn kills_in_any_order_under_load_lose_nothing() {
    if !teu_testkit::host::privileged() {
        return;
    }
    let options = teu_testkit::torture::Options {
        executable: env!("CARGO_BIN_EXE_teu").into(),
        kills: 10,
        containers: 5,
        workers: 2,
        seed: 1,
        pause: Duration::from_millis(300),
        limit: Duration::from_secs(300),
    };
    let report = teu_testkit::torture::run(&options).unwrap();
    assert!(report.faults.is_empty(), "{:#?}", report.faults);
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
