//! Further processes in a container.

use std::io::Write;

use teu_keeper::protocol::{ExecRequest, ExitStatus, FailureKind, Framing, ProcessRef, Request};

use crate::bench::{Bench, read_all};

fn in_container() -> Bench {
    let bench = Bench::new();
    bench.run("c", "exec sleep 1000");
    bench
}

#[test]
fn output_waits_for_whoever_attaches_first() {
    let bench = in_container();
    let process = ProcessRef::exec("c", "e");
    bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", "echo early; exit 5"))));
    assert_eq!(bench.exited(&process).status, ExitStatus::Exited(5));
    assert_eq!(read_all(bench.attach(process, Framing::Raw)), b"early\n");
    assert!(!bench.log_path("c").exists(), "an exec's output is not logged");
}

#[test]
fn attached_before_or_during() {
    let bench = in_container();
    let process = ProcessRef::exec("c", "e");
    let before = bench.attach(process.clone(), Framing::Raw);
    bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", "seq 50000"))));
    assert_eq!(read_all(before).split(|b| *b == b'\n').count(), 50_001);
    assert_eq!(bench.exited(&process).status, ExitStatus::Exited(0));
}

#[test]
fn a_detached_exec_runs_to_its_end() {
    let bench = in_container();
    let request = ExecRequest { detach: true, ..bench.exec_request("c", "e", "yes | head -c 1000000; exit 2") };
    bench.started(Request::Exec(Box::new(request)));
    assert_eq!(bench.exited(&ProcessRef::exec("c", "e")).status, ExitStatus::Exited(2));
}

#[test]
fn input_reaches_it() {
    let bench = in_container();
    let process = ProcessRef::exec("c", "e");
    let socket = bench.attach(process.clone(), Framing::Raw);
    let request = ExecRequest { open_stdin: true, ..bench.exec_request("c", "e", "cat") };
    let (_, fds) = bench.started(Request::Exec(Box::new(request)));
    std::fs::File::from(fds.stdin.unwrap()).write_all(b"through").unwrap();
    bench.call(Request::CloseStdin { process });
    assert_eq!(read_all(socket), b"through");
}

#[test]
fn background_processes_of_an_exec_do_not_hold_its_end_up_nor_hang() {
    let bench = in_container();
    let process = ProcessRef::exec("c", "e");
    let socket = bench.attach(process.clone(), Framing::Raw);
    let marker = bench.dir.path().join("marker");
    // The background process writes more than a pipe holds once the exec is over.
    let script = format!("(sleep 0.2; yes | head -c 300000; touch {}) & echo front", marker.display());
    bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", &script))));
    assert_eq!(bench.exited(&process).status, ExitStatus::Exited(0));
    assert_eq!(read_all(socket), b"front\n");
    bench.ack(process);
    crate::bench::until("the background process ends", || marker.exists());
}

#[test]
fn execs_need_a_container_that_runs() {
    let bench = in_container();
    let missing = Request::Exec(Box::new(bench.exec_request("other", "e", "true")));
    assert_eq!(bench.refusal(missing).kind, FailureKind::NotFound);
    bench.run("short", "true");
    bench.wait("short");
    let ended = Request::Exec(Box::new(bench.exec_request("short", "e", "true")));
    assert_eq!(bench.refusal(ended).kind, FailureKind::Conflict);
    let mut request = bench.exec_request("c", "e", "");
    request.process.args = vec!["/etc/passwd".into()];
    let failure = bench.refusal(Request::Exec(Box::new(request)));
    assert_eq!(failure.kind, FailureKind::CommandNotExecutable);
}

#[test]
fn nothing_is_made_for_an_exec_in_a_container_that_is_gone() {
    let bench = Bench::new();
    bench.run("gone", "true");
    bench.wait("gone");
    bench.ack(ProcessRef::container("gone"));
    let folder = bench.root().join("containers/gone");
    assert!(!folder.exists());
    let exec = Request::Exec(Box::new(bench.exec_request("gone", "e", "true")));
    assert_eq!(bench.refusal(exec).kind, FailureKind::NotFound);
    assert!(!folder.exists());
}
