//! Output as it comes.

use std::io::{Read, Write};

use teu_keeper::protocol::{AttachRequest, ExitStatus, FailureKind, Framing, Request, StartRequest};

use crate::bench::{Bench, container, demultiplex, read_all};

#[test]
fn attached_before_the_start_no_byte_is_missed() {
    let bench = Bench::new();
    let socket = bench.attach(container("c"), Framing::Multiplexed);
    bench.run("c", "echo first; echo error >&2; echo last");
    let streams = demultiplex(&read_all(socket));
    assert_eq!(streams[&1], b"first\nlast\n");
    assert_eq!(streams[&2], b"error\n");
    bench.wait("c");
}

#[test]
fn streams_are_chosen_and_raw_output_has_no_frames() {
    let bench = Bench::new();
    let request =
        AttachRequest { process: container("c"), stdout: false, stderr: true, framing: Framing::Raw, resume: false };
    let (_, fds) = bench.keeper.call_blocking(Request::Attach(request), Vec::new()).unwrap();
    bench.run("c", "echo no; echo yes >&2");
    let socket = std::os::unix::net::UnixStream::from(fds.into_iter().next().unwrap());
    assert_eq!(read_all(socket), b"yes\n");
}

#[test]
fn a_failed_start_ends_the_stream() {
    let bench = Bench::new();
    let socket = bench.attach(container("c"), Framing::Raw);
    let mut request = bench.request("c", "");
    request.spec.process.as_mut().unwrap().args = vec!["/no/such/program".into()];
    assert_eq!(bench.refusal(Request::Start(Box::new(request))).kind, FailureKind::CommandNotFound);
    assert_eq!(read_all(socket), b"");
}

#[test]
fn several_clients_get_the_same() {
    let bench = Bench::new();
    let sockets: Vec<_> = (0..5).map(|_| bench.attach(container("c"), Framing::Raw)).collect();
    bench.run("c", "seq 20000");
    let expected: Vec<u8> = (1..=20000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let outputs: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = sockets.into_iter().map(|s| scope.spawn(move || read_all(s))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(outputs.iter().all(|o| *o == expected));
    bench.wait("c");
}

/// The container writes much more than pipes and sockets hold: it has to wait for the client.
#[test]
fn a_slow_client_slows_the_container_and_loses_nothing() {
    let bench = Bench::new();
    let mut socket = bench.attach(container("c"), Framing::Raw);
    let fds = bench.run("c", "seq 300000");
    let mut first = [0; 2];
    socket.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"1\n");
    let waiting = !teu_sys::pidfd::has_exited(fds.pidfd.as_ref().unwrap()).unwrap();
    assert!(waiting, "two megabytes cannot be under way");
    let rest = read_all(socket);
    let expected: Vec<u8> = (2..=300_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    assert!(rest == expected);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert_eq!(bench.entries("c").len(), 300_000);
}

#[test]
fn a_client_that_leaves_stops_nothing() {
    let bench = Bench::new();
    let socket = bench.attach(container("c"), Framing::Raw);
    bench.run("c", "seq 300000");
    drop(socket);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert_eq!(bench.entries("c").len(), 300_000);
}

#[test]
fn input_and_output_together() {
    let bench = Bench::new();
    let mut socket = bench.attach(container("c"), Framing::Raw);
    let fds =
        bench.start(StartRequest { open_stdin: true, ..bench.request("c", "while read l; do echo got $l; done") });
    let mut stdin = std::fs::File::from(fds.stdin.unwrap());
    for n in 0..50 {
        stdin.write_all(format!("{n}\n").as_bytes()).unwrap();
        let expected = format!("got {n}\n");
        let mut answer = vec![0; expected.len()];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, expected.as_bytes());
    }
    bench.call(Request::CloseStdin { process: container("c") });
    drop(stdin);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
}
