//! Containers run through another runtime's command line; here that of Teu's own runtime.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use teu_keeper::protocol::{
    ExecRequest, ExitStatus, FailureKind, Framing, Health, ProcessRef, Request, RuntimeChoice, StartRequest,
};

use crate::bench::{Bench, container, read_all, size};
use crate::native;

fn bench() -> Option<Bench> {
    native::bench()
}

fn runtime() -> RuntimeChoice {
    RuntimeChoice::External { path: env!("CARGO_BIN_EXE_external-runtime").into(), args: Vec::new() }
}

/// The group that holds a test's cgroups.
struct Parent(String);

impl Parent {
    fn new() -> Parent {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Parent(format!("/teu-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    fn request(&self, bench: &Bench, id: &str, args: &[&str]) -> StartRequest {
        let request = native::request(bench, id, native::process(args));
        StartRequest { runtime: runtime(), cgroup_path: format!("{}/{id}", self.0), ..request }
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let hierarchy = teu_sys::cgroup::Hierarchy::detect().unwrap();
        if let Ok(group) = teu_sys::cgroup::Cgroup::open(&hierarchy, &self.0) {
            group.remove().unwrap();
        }
    }
}

#[test]
fn a_container_lives_and_ends() {
    let group = Parent::new();
    let Some(bench) = bench() else { return };
    let socket = bench.attach(container("c"), Framing::Raw);
    bench.start(group.request(&bench, "c", &["sh", "-c", "echo out; exit 12"]));
    assert_eq!(bench.wait("c"), ExitStatus::Exited(12));
    assert_eq!(read_all(socket), b"out\n");
    assert_eq!(bench.logged("c", "stdout"), "out\n");
    bench.ack(container("c"));
    // The runtime has forgotten it: the id is free.
    bench.start(group.request(&bench, "c", &["sh", "-c", "exit 13"]));
    assert_eq!(bench.wait("c"), ExitStatus::Exited(13));
    assert!(!bench.root().join("mounts/c").exists());
}

#[test]
fn execs_and_terminals() {
    let group = Parent::new();
    let Some(bench) = bench() else { return };
    let script = ["sh", "-c", "stty size; sleep 1000"];
    bench.start(StartRequest { terminal: Some(size(22, 66)), ..group.request(&bench, "c", &script) });
    bench.call(Request::Resize { process: container("c"), size: size(23, 67) });
    let process = ProcessRef::exec("c", "e");
    let socket = bench.attach(process.clone(), Framing::Raw);
    let exec = ExecRequest {
        process: Box::new(native::process(&["sh", "-c", "echo inside; exit 3"])),
        ..bench.exec_request("c", "e", "")
    };
    bench.started(Request::Exec(Box::new(exec)));
    assert_eq!(bench.exited(&process).status, ExitStatus::Exited(3));
    assert_eq!(read_all(socket), b"inside\n");
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    assert_eq!(bench.wait("c"), ExitStatus::Signaled(9));
}

#[test]
fn what_a_runtime_says_is_passed_on() {
    let group = Parent::new();
    let Some(bench) = bench() else { return };
    let failure = bench.refusal(Request::Start(Box::new(group.request(&bench, "c", &["/none"]))));
    assert_eq!(failure.kind, FailureKind::CommandNotFound, "{failure}");
    let path = bench.dir.path().join("broken-runtime");
    teu_testkit::executable::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
    let broken = RuntimeChoice::External { path, args: Vec::new() };
    let start = StartRequest { runtime: broken, ..group.request(&bench, "c", &["true"]) };
    assert_eq!(bench.refusal(Request::Start(Box::new(start))).kind, FailureKind::Failed);
    let none = RuntimeChoice::External { path: "/no/runtime".into(), args: Vec::new() };
    let start = StartRequest { runtime: none, ..group.request(&bench, "c", &["true"]) };
    assert!(bench.refusal(Request::Start(Box::new(start))).message.contains("/no/runtime"));
    assert!(bench.keeper.list().unwrap().is_empty());
}

/// A runtime that takes its time holds nobody else up.
#[test]
fn a_slow_runtime_holds_nobody_up() {
    let group = Parent::new();
    let Some(bench) = bench() else { return };
    let path = bench.dir.path().join("slow-runtime");
    teu_testkit::executable::write(&path, "#!/bin/sh\ncase \"$*\" in *create*) exec sleep 1000;; esac\n").unwrap();
    let slow = RuntimeChoice::External { path, args: Vec::new() };
    let start = StartRequest { runtime: slow, ..group.request(&bench, "slow", &["true"]) };
    bench.keeper.call(Request::Start(Box::new(start)), Vec::new(), |_| {});
    bench.start(native::request(&bench, "fast", native::process(&["true"])));
    assert_eq!(bench.wait("fast"), ExitStatus::Exited(0));
    let again = group.request(&bench, "slow", &["true"]);
    assert_eq!(bench.refusal(Request::Start(Box::new(again))).kind, FailureKind::Conflict);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", bench.keeper_pid())).unwrap();
    for pid in children.split_whitespace() {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap(),
            rustix::process::Signal::KILL,
        );
    }
}

#[test]
fn a_keeper_that_is_killed_is_replaced() {
    let group = Parent::new();
    let Some(mut bench) = bench() else { return };
    let held = bench.start(group.request(&bench, "c", &["sh", "-c", "sleep 0.3; echo late; exit 14"]));
    bench.kill_keeper();
    bench.reconnect();
    bench.adopt(container("c"), &held);
    let status = match &bench.keeper.list().unwrap()[0].state.health {
        Health::Exited(record) => record.status,
        _ => bench.wait("c"),
    };
    assert_eq!(status, ExitStatus::Exited(14));
    assert_eq!(bench.logged("c", "stdout"), "late\n");
}
