//! The keeper executes another program and goes on.

use std::io::Write;

use teu_keeper::protocol::{Event, ExitStatus, Framing, ProcessRef, Request, StartRequest};

use crate::bench::{Bench, PLAIN, container, read_all, size};

fn upgrade(bench: &Bench) {
    let pid = bench.keeper_pid();
    bench.call(Request::Upgrade { exe: PLAIN.into() });
    assert_eq!(bench.keeper_pid(), pid, "the process and the connection stay");
}

#[test]
fn everything_goes_on() {
    let bench = Bench::new();
    let early = bench.attach(container("later"), Framing::Raw);
    let counting = bench.attach(container("counting"), Framing::Raw);
    let script = "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); [ $((i%100)) = 0 ] && sleep 0.01; done; exit 8";
    bench.run("counting", script);
    let typed = bench.start(StartRequest {
        terminal: Some(size(5, 5)),
        ..bench.request("typed", "stty -echo; echo ready; read x; echo got $x; exit 2")
    });
    bench.run("ended", "exit 3");
    bench.wait("ended");
    bench.started(Request::Exec(Box::new(bench.exec_request("counting", "e", "echo held; exit 4"))));
    crate::bench::until("the terminal is ready", || bench.logged("typed", "stdout").contains("ready"));
    for _ in 0..5 {
        upgrade(&bench);
    }
    std::fs::File::from(typed.terminal.unwrap()).write_all(b"it\n").unwrap();
    let mut statuses = std::collections::BTreeMap::new();
    while statuses.len() < 3 {
        let (process, status) = bench.expect(|event| match event {
            Event::Exited { process, record } => Some((process.clone(), record.status)),
            _ => None,
        });
        statuses.insert(process, status);
    }
    // A child stays a child: exit codes are known without anybody's help.
    assert_eq!(statuses[&container("counting")], ExitStatus::Exited(8));
    assert_eq!(statuses[&container("typed")], ExitStatus::Exited(2));
    assert_eq!(statuses[&ProcessRef::exec("counting", "e")], ExitStatus::Exited(4));
    let expected: String = (0..2000).map(|n| format!("{n}\n")).collect();
    assert!(bench.logged("counting", "stdout") == expected);
    assert!(read_all(counting) == expected.as_bytes());
    assert_eq!(bench.logged("typed", "stdout"), "ready\r\ngot it\r\n");
    assert_eq!(read_all(bench.attach(ProcessRef::exec("counting", "e"), Framing::Raw)), b"held\n");
    bench.run("later", "echo attached");
    assert_eq!(read_all(early), b"attached\n");
    assert_eq!(bench.keeper.list().unwrap().len(), 5);
}

#[test]
fn a_client_that_is_behind_gets_the_rest() {
    let bench = Bench::new();
    let socket = bench.attach(container("c"), Framing::Raw);
    bench.run("c", "seq 300000; exit 1");
    upgrade(&bench);
    upgrade(&bench);
    let expected: Vec<u8> = (1..=300_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    assert!(read_all(socket) == expected);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(1));
}

#[test]
fn many_containers_are_handed_over() {
    let bench = Bench::new();
    for n in 0..150 {
        bench.run(&format!("c{n}"), "exec sleep 1000");
    }
    upgrade(&bench);
    let listed = bench.keeper.list().unwrap();
    assert_eq!(listed.len(), 150);
    assert!(listed.iter().all(|l| l.fds.pidfd.is_some() && l.fds.stdout.is_some() && l.fds.stderr.is_some()));
    bench.call(Request::Signal { process: container("c77"), signal: 9, all: false });
    assert_eq!(bench.wait("c77"), ExitStatus::Signaled(9));
}

#[test]
fn a_program_that_cannot_be_executed_changes_nothing() {
    let bench = Bench::new();
    bench.run("c", "sleep 0.2; echo out; exit 6");
    let failure = bench.refusal(Request::Upgrade { exe: "/no/such/program".into() });
    assert!(failure.message.contains("/no/such/program"), "{failure}");
    assert_eq!(bench.wait("c"), ExitStatus::Exited(6));
    assert_eq!(bench.logged("c", "stdout"), "out\n");
}
