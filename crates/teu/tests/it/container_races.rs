//! What random calls under random deaths have found, each alone.

use crate::support::{BUSYBOX, engine, inspect, outcome};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use teu_testkit::engine::{Engine, keeper_pid, kill};

const LIMIT: Duration = Duration::from_secs(20);

fn until(what: &str, reached: impl Fn() -> bool) {
    let begin = Instant::now();
    while !reached() {
        assert!(begin.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The file by which anybody may freeze a container, and what is written to it for that and for the contrary.
fn freezer(engine: &Engine, id: &str) -> (PathBuf, [&'static str; 2]) {
    let parent = engine.cgroup_parent().trim_start_matches('/');
    let v1 = PathBuf::from("/sys/fs/cgroup/freezer").join(parent).join(id).join("freezer.state");
    if v1.exists() {
        return (v1, ["FROZEN", "THAWED"]);
    }
    (PathBuf::from("/sys/fs/cgroup").join(parent).join(id).join("cgroup.freeze"), ["1", "0"])
}

/// Else the keeper would wait for a process that is frozen before it has begun, and with it everybody.
#[test]
fn a_command_in_a_container_that_others_froze_is_refused() {
    let Some(engine) = engine() else { return };
    let id = engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let (file, [freeze, thaw]) = freezer(&engine, id.trim());
    std::fs::write(&file, freeze).unwrap();
    let (code, output, errors) = outcome(&engine, &["exec", "box", "true"]);
    let other = engine.run(&["run", "--rm", BUSYBOX, "echo", "on"]);
    // First of all: what is frozen cannot be ended.
    std::fs::write(&file, thaw).unwrap();
    assert_ne!(code, 0);
    assert!(format!("{output}{errors}").contains("is paused"), "{output}{errors}");
    assert_eq!(other.unwrap(), "on\n");
    assert_eq!(engine.run(&["exec", "box", "echo", "again"]).unwrap(), "again\n");
}

#[test]
fn a_restart_keeps_what_is_removed_after_its_end() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--rm", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let pid = inspect(&engine, "box", "{{.State.Pid}}");
    engine.run(&["restart", "-t", "0", "box"]).unwrap();
    assert_ne!(inspect(&engine, "box", "{{.State.Pid}}"), pid);
    engine.run(&["stop", "-t", "0", "box"]).unwrap();
    until("it is removed", || !engine.output(&["inspect", "box"]).unwrap().status.success());
}

/// Only an engine that starts does so.
#[test]
fn a_new_keeper_does_not_start_what_was_stopped() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--restart", "always", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["stop", "-t", "0", "box"]).unwrap();
    let old = keeper_pid(&engine.host).unwrap().expect("a keeper");
    kill(old).unwrap();
    // Served by the next keeper, after it was told what there is.
    engine.run(&["run", "--rm", BUSYBOX, "true"]).unwrap();
    engine.run(&["run", "--rm", BUSYBOX, "true"]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.Status}}"), "exited");
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    until("it is started", || inspect(&engine, "box", "{{.State.Status}}") == "running");
    // Its policy holds again.
    let pid = inspect(&engine, "box", "{{.State.Pid}}");
    engine.host.sh(&format!("kill -9 {pid}")).unwrap();
    until("it is started again", || inspect(&engine, "box", "{{.State.Status}} {{.RestartCount}}") == "running 1");
}

#[test]
fn a_local_log_is_followed_before_it_begins() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--log-driver", "local", "--name", "box", BUSYBOX, "echo", "late"]).unwrap();
    assert_eq!(engine.run(&["logs", "box"]).unwrap(), "");
    let mut stream = UnixStream::connect(engine.host.path("teu.sock")).unwrap();
    stream
        .write_all(b"GET /containers/box/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.ends_with(b"0\r\n\r\n"), "cut: {}", String::from_utf8_lossy(&answer));
}

/// A connection that is closed with unread bytes in it takes the answer along.
#[test]
fn a_refused_archive_is_read_to_its_end() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--read-only", "--name", "box", BUSYBOX, "true"]).unwrap();
    let archive = vec![0; 4 << 20];
    for (container, status) in [("box", "400"), ("missing", "404")] {
        let mut stream = UnixStream::connect(engine.host.path("teu.sock")).unwrap();
        let head = format!(
            "PUT /containers/{container}/archive?path=/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
            archive.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&archive).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}
