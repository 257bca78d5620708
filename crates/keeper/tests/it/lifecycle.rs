//! Start, output, exit, acknowledgement.

use std::fs;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use teu_keeper::Keeper;
use teu_keeper::protocol::{
    Event, ExitStatus, FailureKind, Health, LogDriver, LogTarget, ProcessRef, Reply, Request, StartRequest,
};

use crate::bench::{Bench, PLAIN, container, wait_for_end};

#[test]
fn output_is_logged_and_the_exit_code_told() {
    let bench = Bench::new();
    bench.run("c", "echo out; echo err >&2; exit 7");
    assert_eq!(bench.wait("c"), ExitStatus::Exited(7));
    assert_eq!(bench.logged("c", "stdout"), "out\n");
    assert_eq!(bench.logged("c", "stderr"), "err\n");
}

#[test]
fn a_line_without_an_end_is_logged_at_the_exit() {
    let bench = Bench::new();
    bench.run("c", "printf unfinished");
    bench.wait("c");
    assert_eq!(bench.logged("c", "stdout"), "unfinished");
}

#[test]
fn signals_end_it_and_are_told_apart_from_codes() {
    let bench = Bench::new();
    bench.run("c", "exec sleep 1000");
    bench.call(Request::Signal { process: container("c"), signal: 15, all: false });
    assert_eq!(bench.wait("c"), ExitStatus::Signaled(15));
}

#[test]
fn input_reaches_it_and_ends() {
    let bench = Bench::new();
    let fds = bench.start(StartRequest { open_stdin: true, ..bench.request("c", "cat; echo done") });
    let mut stdin = fs::File::from(fds.stdin.unwrap());
    stdin.write_all(b"hello\n").unwrap();
    drop(stdin);
    bench.call(Request::CloseStdin { process: container("c") });
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert_eq!(bench.logged("c", "stdout"), "hello\ndone\n");
}

#[test]
fn without_open_stdin_input_is_empty() {
    let bench = Bench::new();
    let fds = bench.run("c", "cat; echo end");
    assert!(fds.stdin.is_none());
    bench.wait("c");
    assert_eq!(bench.logged("c", "stdout"), "end\n");
}

#[test]
fn dev_stdout_can_be_opened_by_name() {
    let bench = Bench::new();
    bench.run("c", "echo a > /dev/stdout; echo b > /proc/self/fd/2");
    bench.wait("c");
    assert_eq!((bench.logged("c", "stdout"), bench.logged("c", "stderr")), ("a\n".into(), "b\n".into()));
}

#[test]
fn a_program_that_is_missing_is_told_apart() {
    let bench = Bench::new();
    let mut request = bench.request("c", "");
    request.spec.process.as_mut().unwrap().args = vec!["/no/such/program".into()];
    let failure = bench.refusal(Request::Start(Box::new(request)));
    assert_eq!(failure.kind, FailureKind::CommandNotFound);
    assert!(!bench.root().join("containers/c").exists());
    // The id is free again.
    bench.run("c", "true");
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
}

#[test]
fn what_cannot_be_is_refused() {
    let bench = Bench::new();
    bench.run("c", "exec sleep 1000");
    let again = Request::Start(Box::new(bench.request("c", "true")));
    assert_eq!(bench.refusal(again).kind, FailureKind::Conflict);
    for id in ["", "..", "a/b"] {
        let request = Request::Start(Box::new(bench.request(id, "true")));
        assert_eq!(bench.refusal(request).kind, FailureKind::Invalid);
    }
    let signal = Request::Signal { process: container("other"), signal: 9, all: false };
    assert_eq!(bench.refusal(signal).kind, FailureKind::NotFound);
    let resize = Request::Resize { process: container("c"), size: Default::default() };
    assert!(matches!(bench.call(resize), Reply::Done), "without a terminal there is nothing to size");
    assert_eq!(bench.refusal(Request::Shutdown { force: false }).kind, FailureKind::Conflict);
}

#[test]
fn rotated_logs_are_compressed_by_and_by() {
    let bench = Bench::new();
    let mut request = bench.request("c", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done");
    request.log = LogTarget { compress: true, max_files: 20, max_size: Some(20_000), ..request.log };
    bench.start(request);
    bench.wait("c");
    let name = |n: u32, suffix: &str| format!("{}.{n}{suffix}", bench.log_path("c").display());
    let rotated: Vec<u32> =
        (1..20).take_while(|n| ["", ".gz"].iter().any(|s| fs::exists(name(*n, s)).unwrap())).collect();
    assert!(rotated.len() > 3, "{rotated:?}");
    // The keeper serves others meanwhile.
    bench.run("d", "echo hi");
    bench.wait("d");
    assert_eq!(bench.logged("d", "stdout"), "hi\n");
    let begin = Instant::now();
    while rotated.iter().any(|n| fs::exists(name(*n, "")).unwrap()) {
        assert!(begin.elapsed() < Duration::from_secs(60), "compressed in time");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut text = String::new();
    for n in rotated.iter().rev() {
        let file = fs::File::open(name(*n, ".gz")).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    }
    text += &fs::read_to_string(bench.log_path("c")).unwrap();
    let numbers =
        text.lines().map(|line| line.split_once("\\n").unwrap().0.rsplit(' ').next().unwrap().parse::<u32>().unwrap());
    assert!(numbers.eq(0..2000), "{text}");
}

/// The keeper fetches many events at once: one of them may be about a process that another has made it forget, whose place
/// a third has given away.
#[test]
fn a_new_process_is_not_taken_for_one_that_has_ended() {
    let bench = Bench::new();
    bench.run("old", "exec sleep 1000");
    let exec = Request::Exec(Box::new(bench.exec_request("old", "e", "exec sleep 1000")));
    let (_, exec) = bench.started(exec);
    bench.call(Request::Signal { process: container("old"), signal: 9, all: false });
    bench.wait("old");
    // One request of each is an event.
    let daemons = [(); 2].map(|()| Keeper::connect(&bench.root(), |_| {}).unwrap());
    let keeper = Pid::from_raw(bench.keeper_pid()).unwrap();
    kill_process(keeper, Signal::STOP).unwrap();
    // This leaves two places: the container's and its exec's, about whose end there is an event after these.
    bench.keeper.call(Request::AckExit { process: container("old") }, Vec::new(), |_| {});
    let (started, starts) = std::sync::mpsc::channel();
    for (id, daemon) in ["new-1", "new-2"].into_iter().zip(&daemons) {
        let start = Request::Start(Box::new(bench.request(id, "exec sleep 1000")));
        let started = started.clone();
        daemon.call(start, Vec::new(), move |outcome| started.send(outcome.is_ok()).unwrap());
    }
    let exec = exec.pidfd.unwrap();
    rustix::process::pidfd_send_signal(&exec, Signal::KILL).unwrap();
    wait_for_end(&exec);
    kill_process(keeper, Signal::CONT).unwrap();
    assert_eq!([starts.recv(), starts.recv()], [Ok(true); 2]);
    for id in ["new-1", "new-2"] {
        bench.call(Request::Signal { process: container(id), signal: 15, all: false });
        assert_eq!(bench.wait(id), ExitStatus::Signaled(15));
    }
}

#[test]
fn an_exit_stays_until_it_is_acknowledged() {
    let mut bench = Bench::new();
    bench.run("c", "exit 3");
    bench.wait("c");
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    assert_eq!(listed.len(), 1);
    let Health::Exited(record) = &listed[0].state.health else { panic!("{listed:?}") };
    assert_eq!(record.status, ExitStatus::Exited(3));
    bench.ack(container("c"));
    bench.ack(container("c"));
    assert!(bench.keeper.list().unwrap().is_empty());
    assert!(!bench.root().join("containers/c").exists());
    // The same container again, into the same log.
    bench.run("c", "echo second");
    bench.wait("c");
    assert_eq!(bench.logged("c", "stdout"), "second\n");
}

#[test]
fn a_new_daemon_gets_everything_in_pages() {
    let mut bench = Bench::new();
    for n in 0..120 {
        bench.run(&format!("c{n:03}"), "exec sleep 1000");
    }
    bench.started(Request::Exec(Box::new(bench.exec_request("c060", "e", "exec sleep 1000"))));
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    assert_eq!(listed.len(), 121);
    assert!(listed.iter().all(|l| l.fds.pidfd.is_some() && l.fds.stdout.is_some() && l.fds.stderr.is_some()));
    assert!(listed.iter().any(|l| l.state.process == ProcessRef::exec("c060", "e")));
    let first = bench.call(Request::List { after: None });
    assert!(matches!(first, Reply::List { more: true, .. }));
}

#[test]
fn a_daemon_that_dies_stops_nothing() {
    let mut bench = Bench::new();
    bench.run("c", "for n in 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.02; done; exit 4");
    bench.reconnect();
    let record = match bench.keeper.list().unwrap()[0].state.health {
        Health::Exited(record) => record,
        _ => bench.exited(&container("c")),
    };
    assert_eq!(record.status, ExitStatus::Exited(4));
    assert_eq!(bench.logged("c", "stdout"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[test]
fn without_a_log_output_goes_nowhere_and_nothing_hangs() {
    let bench = Bench::new();
    let log = LogTarget { driver: LogDriver::None, ..LogTarget::default() };
    bench.start(StartRequest { log, ..bench.request("c", "yes | head -c 1000000") });
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert!(!bench.log_path("c").exists());
}

#[test]
fn two_daemons_that_start_at_once_share_a_keeper() {
    let dir = tempfile::tempdir().unwrap();
    let pids: Vec<i32> = std::thread::scope(|scope| {
        let start = || {
            let (keeper, _events) = crate::bench::connect(dir.path(), PLAIN);
            match keeper.call_blocking(Request::Hello { version: 1 }, Vec::new()).unwrap().0 {
                Reply::Hello { pid, .. } => pid,
                other => panic!("{other:?}"),
            }
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(pids.iter().all(|p| *p == pids[0]), "{pids:?}");
    let (keeper, _events) = crate::bench::connect(dir.path(), PLAIN);
    keeper.call_blocking(Request::Shutdown { force: false }, Vec::new()).unwrap();
}

#[test]
fn a_log_that_cannot_be_written_delays_output_and_loses_none() {
    let bench = Bench::new();
    let path = bench.log_path("c");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    bench.run("c", "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
    bench.expect(|e| matches!(e, Event::LogStalled { .. }).then_some(()));
    // Several attempts fail, which is not told again.
    std::thread::sleep(Duration::from_millis(2500));
    fs::remove_file(&path).unwrap();
    let told = bench.expect(|e| match e {
        Event::LogStalled { .. } => Some(Duration::ZERO),
        Event::LogResumed { after, .. } => Some(*after),
        _ => None,
    });
    assert!(told > Duration::from_secs(2), "{told:?}");
    let listed = || bench.keeper.list().unwrap().remove(0).state.health;
    crate::bench::until(
        "it ends",
        || matches!(listed(), Health::Exited(record) if record.status == ExitStatus::Exited(0)),
    );
    let expected: String = (0..3000).map(|n| format!("line {n}\n")).collect();
    crate::bench::until("the log is complete", || bench.logged("c", "stdout") == expected);
}
