//! A disk without room: what runs goes on, and what is removed makes room again. A disk that cannot be written: said so.

use crate::power_cut::{load_image, mount_disk};
use crate::support::{BUSYBOX, inspect, outcome};
use std::time::{Duration, Instant};
use teu_testkit::engine::Engine;
use teu_testkit::host::{Host, privileged};

/// An engine on a small disk of its own; none where there is none to be had.
fn engine() -> Option<Engine> {
    if !privileged() {
        return None;
    }
    let host = Host::start().unwrap();
    if !mount_disk(&host) {
        return None;
    }
    let engine = Engine::start_on(host, env!("CARGO_BIN_EXE_teu"), &[]).unwrap();
    load_image(&engine);
    Some(engine)
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn says(engine: &Engine, text: &str) -> bool {
    std::fs::read_to_string(engine.host.path("daemon.log")).unwrap_or_default().contains(text)
}

/// Every line from 0 on, each once, as many as there are.
fn counted(lines: &str) -> usize {
    lines.lines().enumerate().for_each(|(n, line)| assert_eq!(line, format!("line {n}"), "lost or doubled"));
    lines.lines().count()
}

const COUNTING: &str = "i=0; while :; do echo line $i; i=$((i+1)); usleep 1000; done";

#[test]
fn what_runs_goes_on_and_rm_makes_room() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "counting", BUSYBOX, "sh", "-c", COUNTING]).unwrap();
    engine.run(&["run", "-d", "--name", "still", BUSYBOX, "sleep", "1000"]).unwrap();
    let big = "head -c 30000000 /dev/zero >/big; exec sleep 1000";
    engine.run(&["run", "-d", "--name", "big", BUSYBOX, "sh", "-c", big]).unwrap();
    until("the file is there", || {
        engine.run(&["exec", "big", "wc", "-c", "/big"]).is_ok_and(|o| o.starts_with("30000000"))
    });
    let filler = engine.host.path("data/filler");
    engine.host.sh(&format!("cat /dev/zero > '{}' 2>/dev/null || true; sync -f '{0}'", filler.display())).unwrap();
    until("it is said that a log waits", || says(&engine, "the log cannot be written"));
    // What runs is not disturbed, what is asked is answered.
    assert_eq!(engine.run(&["exec", "still", "echo", "on"]).unwrap(), "on\n");
    assert_eq!(inspect(&engine, "counting", "{{.State.Status}}"), "running");
    let (code, _, said) = outcome(&engine, &["run", BUSYBOX, "true"]);
    assert!(code != 0 && said.to_lowercase().contains("no space left"), "{code} {said}");
    // Ends are recorded, also where there is no room for them.
    assert_eq!(engine.run(&["stop", "-t", "0", "still", "big"]).unwrap(), "still\nbig\n");
    assert_eq!(inspect(&engine, "still", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    assert_eq!(engine.run(&["rm", "big"]).unwrap(), "big\n");
    until("the log is written again", || says(&engine, "the log is written again"));
    engine.host.sh(&format!("rm '{}'", filler.display())).unwrap();
    assert_eq!(engine.run(&["run", "--rm", BUSYBOX, "echo", "room"]).unwrap(), "room\n");
    let before = counted(&engine.run(&["logs", "counting"]).unwrap());
    until("it counts on", || counted(&engine.run(&["logs", "counting"]).unwrap()) > before + 100);
    // The next engine knows what happened meanwhile.
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(inspect(&engine, "still", "{{.State.Status}} {{.State.ExitCode}}"), "exited 137");
    assert_eq!(inspect(&engine, "counting", "{{.State.Status}}"), "running");
    assert_eq!(outcome(&engine, &["inspect", "big"]).0, 1);
}

#[test]
fn without_inodes_what_runs_goes_on() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "counting", BUSYBOX, "sh", "-c", COUNTING]).unwrap();
    let many = engine.host.path("data/many").display().to_string();
    let script =
        format!("mkdir '{many}'; cd '{many}'; seq 1 200000 | xargs touch 2>/dev/null || true; df -i . | tail -1");
    let shown = engine.host.sh(&script).unwrap();
    assert!(shown.contains("100%"), "{shown}");
    let (code, _, said) = outcome(&engine, &["run", BUSYBOX, "true"]);
    assert!(code != 0 && said.to_lowercase().contains("no space left"), "{code} {said}");
    assert_eq!(engine.run(&["exec", "counting", "echo", "on"]).unwrap(), "on\n");
    let before = counted(&engine.run(&["logs", "counting"]).unwrap());
    until("the log is written", || counted(&engine.run(&["logs", "counting"]).unwrap()) > before + 50);
    assert_eq!(engine.run(&["rm", "-f", "counting"]).unwrap(), "counting\n");
    engine.host.sh(&format!("rm -r '{many}'")).unwrap();
    assert_eq!(engine.run(&["run", "--rm", BUSYBOX, "echo", "room"]).unwrap(), "room\n");
}

#[test]
fn a_state_directory_that_cannot_be_written_is_named() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let data = engine.host.path("data").display().to_string();
    engine.reboot().unwrap();
    assert!(mount_disk(&engine.host));
    engine.host.sh(&format!("mount -o remount,ro '{data}'")).unwrap();
    let mut command = engine.host.command(env!("CARGO_BIN_EXE_teu"));
    command.args(["daemon", "--data-root", &data]).arg("--exec-root").arg(engine.host.path("run"));
    let output = command.args(["--host", &engine.address()]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(&data) && said.contains("Read-only file system"), "{said}");
    engine.host.sh(&format!("mount -o remount,rw '{data}'")).unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.Status}} {{.State.ExitCode}}"), "exited 255");
    engine.run(&["start", "box"]).unwrap();
}
