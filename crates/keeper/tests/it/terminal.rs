//! Terminals.

use std::io::Write;

use teu_keeper::protocol::{ExitStatus, Framing, Request, StartRequest};

use crate::bench::{Bench, container, read_all, size};

#[test]
fn output_comes_through_a_terminal_into_the_log() {
    let bench = Bench::new();
    let socket = bench.attach(container("c"), Framing::Raw);
    let script = "test -t 0 && test -t 1 && test -t 2 && stty size && exit 6";
    let fds = bench.start(StartRequest { terminal: Some(size(33, 77)), ..bench.request("c", script) });
    assert!(fds.terminal.is_some() && fds.stdout.is_some() && fds.stderr.is_none());
    assert_eq!(bench.wait("c"), ExitStatus::Exited(6));
    assert_eq!(read_all(socket), b"33 77\r\n");
    assert_eq!(bench.logged("c", "stdout"), "33 77\r\n");
}

#[test]
fn it_is_resized_and_typed_into() {
    let bench = Bench::new();
    let script = "stty -echo; echo ready; read x; stty size; echo $x";
    let request = StartRequest { terminal: Some(size(24, 80)), ..bench.request("c", script) };
    let fds = bench.start(request);
    crate::bench::until("it is ready", || bench.logged("c", "stdout").contains("ready"));
    bench.call(Request::Resize { process: container("c"), size: size(50, 100) });
    std::fs::File::from(fds.terminal.unwrap()).write_all(b"typed\n").unwrap();
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert_eq!(bench.logged("c", "stdout"), "ready\r\n50 100\r\ntyped\r\n");
}

#[test]
fn much_output_at_the_end_is_not_lost() {
    let bench = Bench::new();
    bench.start(StartRequest { terminal: Some(size(24, 80)), ..bench.request("c", "seq 50000") });
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    let expected: String = (1..=50000).map(|n| format!("{n}\r\n")).collect();
    assert!(bench.logged("c", "stdout") == expected);
}
