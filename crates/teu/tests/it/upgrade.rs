//! Another version of the executable takes over while everything runs.

use crate::crash::{chatty, finish};
use crate::support::{BUSYBOX, busybox, feed, inspect};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use teu_testkit::engine::{Engine, keeper_pid};
use teu_testkit::host::privileged;

const BINARY: &str = env!("CARGO_BIN_EXE_teu");
/// Far above what it takes: emulated machines are slow, and this is no benchmark.
const LONGEST: Duration = Duration::from_secs(10);

/// Puts another executable in the place of the one that runs, in one step.
fn install(exe: &Path, content: &[u8]) -> u64 {
    let new = exe.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, exe).unwrap();
    content.len() as u64
}

fn signal(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR2).unwrap();
}

fn size_of_executable(pid: u32) -> u64 {
    fs::metadata(format!("/proc/{pid}/exe")).map_or(0, |metadata| metadata.len())
}

/// One request on a connection of its own.
fn ping(socket: &Path) -> Duration {
    let begin = Instant::now();
    let mut stream = UnixStream::connect(socket).expect("nobody is refused");
    stream.set_read_timeout(Some(LONGEST)).unwrap();
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("everybody is answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    begin.elapsed()
}

/// Pings all the time while `work` is done; returns how long the longest answer took.
fn under_pings(engine: &Engine, work: impl FnOnce()) -> Duration {
    let socket = engine.host.path("teu.sock");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let pinging = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                longest = longest.max(ping(&socket));
                std::thread::sleep(Duration::from_millis(2));
            }
            longest
        });
        work();
        over.store(true, Ordering::Relaxed);
        pinging.join().unwrap()
    })
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn another_version_takes_over() {
    if !privileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("teu");
    let binary = fs::read(BINARY).unwrap();
    install(&exe, &binary);
    let engine = Engine::start(&exe, &[]).unwrap();
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    let names = chatty(&engine, 2);
    let script = "while [ ! -f /tmp/stop ]; do usleep 1000; done; [ -t 0 ] && [ -t 1 ] && echo on; exit 5";
    engine.run(&["run", "-dit", "--name", "tty", BUSYBOX, "sh", "-c", script]).unwrap();
    let state = || -> Vec<String> {
        ["chatty0", "chatty1", "tty"].map(|name| inspect(&engine, name, "{{.State.Pid}} {{.State.StartedAt}}")).into()
    };
    let (daemon, keeper, before) = (engine.daemon_pid().unwrap(), keeper_pid(&engine.host).unwrap().unwrap(), state());
    let mut longest = Duration::ZERO;
    for version in ["another", "and another"] {
        let size = install(&exe, &[&binary, version.as_bytes()].concat());
        longest = longest.max(under_pings(&engine, || {
            signal(daemon);
            until("the daemon executes the new version", || size_of_executable(daemon) == size);
            until("the keeper executes the new version", || size_of_executable(keeper) == size);
        }));
        assert_eq!((engine.daemon_pid().unwrap(), keeper_pid(&engine.host).unwrap()), (daemon, Some(keeper)));
        assert_eq!(state(), before, "containers run on");
    }
    eprintln!("the longest answer took {longest:?}");
    assert!(longest < LONGEST, "{longest:?}");
    // Not waited for: the container may end before it does, and ends it with itself.
    engine.run(&["exec", "-d", "tty", "touch", "/tmp/stop"]).unwrap();
    assert_eq!(engine.run(&["wait", "tty"]).unwrap(), "5\n");
    assert_eq!(engine.run(&["logs", "tty"]).unwrap(), "on\r\n");
    finish(&engine, &names);
}

#[test]
fn what_cannot_be_executed_does_not_take_over() {
    if !privileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let exe = folder.path().join("teu");
    let binary = fs::read(BINARY).unwrap();
    install(&exe, &binary);
    let engine = Engine::start(&exe, &[]).unwrap();
    let daemon = engine.daemon_pid().unwrap();
    install(&exe, b"#!/bin/sh\necho broken >&2\nexit 3\n");
    signal(daemon);
    let log = || fs::read_to_string(engine.host.path("daemon.log")).unwrap_or_default();
    until("it is said why", || log().contains("the executable is not replaced: exit status: 3: broken"));
    ping(&engine.host.path("teu.sock"));
    install(&exe, &binary);
}
