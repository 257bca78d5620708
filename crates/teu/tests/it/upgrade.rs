//! Another version of the executable takes over while everything runs.

use crate::crash::{chatty, finish};
use crate::support::{BUSYBOX, busybox, feed, inspect, text};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use teu_testkit::engine::{Engine, keeper_pid};
use teu_testkit::host::privileged;
use teu_testkit::upgrade::{Installed, ask, ping, until};

/// An engine whose executable can be replaced.
fn installed() -> Option<(Engine, Installed, TempDir)> {
    if !privileged() {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let exe = Installed::new(folder.path().join("teu"), Path::new(env!("CARGO_BIN_EXE_teu"))).unwrap();
    Some((Engine::start(exe.path(), &[]).unwrap(), exe, folder))
}

#[test]
fn another_version_takes_over() {
    let Some((engine, exe, _folder)) = installed() else { return };
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    let names = chatty(&engine, 2);
    let script = "while [ ! -f /tmp/stop ]; do usleep 1000; done; [ -t 0 ] && [ -t 1 ] && echo on; exit 5";
    engine.run(&["run", "-dit", "--name", "tty", BUSYBOX, "sh", "-c", script]).unwrap();
    let state = || -> Vec<String> {
        ["chatty0", "chatty1", "tty"].map(|name| inspect(&engine, name, "{{.State.Pid}} {{.State.StartedAt}}")).into()
    };
    let processes = || (engine.daemon_pid().unwrap(), keeper_pid(&engine.host).unwrap());
    let (before, containers) = (processes(), state());
    for version in ["another", "and another"] {
        // Every request meanwhile is answered.
        let longest = exe.take_over(&engine, version).unwrap();
        eprintln!("the longest answer took {longest:?}");
        assert_eq!(processes(), before);
        assert_eq!(state(), containers, "containers run on");
    }
    // Not waited for: the container may end before it does, and ends it with itself.
    engine.run(&["exec", "-d", "tty", "touch", "/tmp/stop"]).unwrap();
    assert_eq!(engine.run(&["wait", "tty"]).unwrap(), "5\n");
    assert_eq!(engine.run(&["logs", "tty"]).unwrap(), "on\r\n");
    finish(&engine, &names);
}

#[test]
fn who_waits_for_a_container_is_told_its_end() {
    let Some((engine, exe, _folder)) = installed() else { return };
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    let script = "while [ ! -f /tmp/stop ]; do usleep 1000; done; exit 5";
    let mut run = engine.teu();
    run.args(["run", "--name", "attached", BUSYBOX, "sh", "-c", script]);
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let runs = || engine.run(&["ps", "-q", "--filter", "name=attached"]).is_ok_and(|id| !id.is_empty());
    until("it runs", runs).unwrap();
    exe.take_over(&engine, "another").unwrap();
    engine.run(&["exec", "-d", "attached", "touch", "/tmp/stop"]).unwrap();
    let ended = run.wait_with_output().unwrap();
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(5), "{said}");
    assert!(said.contains("some output may be missing"), "{said}");
}

#[test]
fn what_cannot_be_executed_does_not_take_over() {
    let Some((engine, exe, _folder)) = installed() else { return };
    exe.put(b"#!/bin/sh\necho broken >&2\nexit 3\n").unwrap();
    ask(engine.daemon_pid().unwrap()).unwrap();
    let log = || fs::read_to_string(engine.host.path("daemon.log")).unwrap_or_default();
    until("it is said why", || log().contains("the executable is not replaced: exit status: 3: broken")).unwrap();
    ping(&engine.host.path("teu.sock")).unwrap();
    exe.put_back().unwrap();
}
