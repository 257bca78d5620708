//! The keeper is killed and another takes over.

use std::io::Read as _;
use std::os::unix::net::UnixStream;

use teu_keeper::protocol::{
    AttachRequest, END_OF_OUTPUT, ExitStatus, Framing, Health, LogDriver, ProcessRef, Reply, Request, StartRequest,
};

use crate::bench::{Bench, container, read_all, size, wait_for_end};
use crate::native::process;

const COUNT: &str = "i=0; while [ $i -lt 400 ]; do echo $i; i=$((i+1)); [ $((i%20)) = 0 ] && sleep 0.01; done; exit 9";

fn counted() -> String {
    (0..400).map(|n| format!("{n}\n")).collect()
}

#[test]
fn containers_run_on_and_no_line_is_lost() {
    let mut bench = Bench::new();
    let held = bench.run("c", COUNT);
    for _ in 0..3 {
        bench.kill_keeper();
        bench.reconnect();
        bench.adopt(container("c"), &held);
    }
    let status = match &bench.keeper.list().unwrap()[0].state.health {
        Health::Exited(record) => record.status,
        _ => bench.wait("c"),
    };
    assert_eq!(status, ExitStatus::Exited(9));
    assert_eq!(bench.logged("c", "stdout"), counted());
}

/// A keeper may be killed between taking output and logging it, and nothing may come after that.
#[test]
fn what_was_taken_is_logged_before_more_comes() {
    let mut bench = Bench::new();
    let held = bench.run("c", "echo first; sleep 1000");
    crate::bench::until("its line is logged", || bench.logged("c", "stdout") == "first\n");
    bench.kill_keeper();
    let spool = bench.root().join("containers/c/stdout.spool");
    let mut spool = std::fs::File::options().append(true).open(spool).unwrap();
    std::io::Write::write_all(&mut spool, b"second\n").unwrap();
    bench.reconnect();
    bench.adopt(container("c"), &held);
    crate::bench::until("the line that was taken is logged", || bench.logged("c", "stdout") == "first\nsecond\n");
}

#[test]
fn an_exit_without_a_keeper_is_known_through_the_daemons_descriptors() {
    let mut bench = Bench::new();
    let held =
        bench.start(StartRequest { open_stdin: true, ..bench.request("c", "echo before; read x; echo $x; exit 21") });
    bench.kill_keeper();
    rustix::io::write(held.stdin.as_ref().unwrap(), b"meanwhile\n").unwrap();
    wait_for_end(held.pidfd.as_ref().unwrap());
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    if listed[0].state.health == Health::Orphaned {
        bench.adopt(container("c"), &held);
    }
    assert_eq!(exit_status(&bench), ExitStatus::Exited(21));
    assert_eq!(bench.logged("c", "stdout"), "before\nmeanwhile\n");
}

/// With the keeper and the daemon dead, the guardian is left.
#[test]
fn an_exit_that_nobody_saw_is_known_through_the_guardian() {
    let mut bench = Bench::new();
    let pidfd = end_alone(&bench);
    bench.reconnect();
    assert_eq!(exit_status(&bench), ExitStatus::Exited(21));
    crate::bench::until("it is let go", || is_reaped(&pidfd));
    let guardians = || std::fs::read_dir(bench.root().join("guardian")).unwrap().count();
    crate::bench::until("the first guardian has ended", || guardians() == 1);
}

#[test]
fn an_exit_that_nobody_can_know_is_unknown() {
    let mut bench = Bench::new();
    let guardian = parent(bench.keeper_pid());
    assert_eq!(std::fs::read_to_string(format!("/proc/{guardian}/comm")).unwrap(), "teu:guardian\n");
    rustix::process::kill_process(rustix::process::Pid::from_raw(guardian).unwrap(), rustix::process::Signal::KILL)
        .unwrap();
    let pidfd = end_alone(&bench);
    crate::bench::until("it is reaped", || is_reaped(&pidfd));
    drop(pidfd);
    bench.reconnect();
    assert_eq!(bench.keeper.list().unwrap()[0].state.health, Health::Orphaned);
    bench.adopt(container("c"), &Default::default());
    assert_eq!(exit_status(&bench), ExitStatus::Unknown);
}

/// Has a container end while there is neither keeper nor daemon.
fn end_alone(bench: &Bench) -> std::os::fd::OwnedFd {
    let held = bench.start(StartRequest { open_stdin: true, ..bench.request("c", "read x; exit 21") });
    bench.kill_keeper();
    // Closing the last writer lets it end; then nobody has anything of it.
    let pidfd = held.pidfd.unwrap();
    drop(held.stdin);
    wait_for_end(&pidfd);
    pidfd
}

fn is_reaped(pidfd: &std::os::fd::OwnedFd) -> bool {
    rustix::process::pidfd_send_signal(pidfd, rustix::process::Signal::CONT).is_err()
}

fn parent(pid: i32) -> i32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap()
}

/// What the first keeper took and did not send is in the spool; the second goes on from there.
#[test]
fn an_attached_client_goes_on_with_the_next_keeper() {
    for (killed, logged) in [(1, true), (7, true), (13, false), (29, false)] {
        let mut bench = Bench::new();
        let mut request = bench.request("c", COUNT);
        if !logged {
            request.log.driver = LogDriver::None;
        }
        let mut socket = bench.attach(container("c"), Framing::Multiplexed);
        let held = bench.start(request);
        let mut first = vec![0; killed * 50];
        std::io::Read::read_exact(&mut socket, &mut first).unwrap();
        bench.kill_keeper();
        first.extend(read_all(socket));
        assert!(!first.ends_with(&END_OF_OUTPUT));
        let mut seen = whole_frames(&first);
        bench.reconnect();
        let resumed = AttachRequest {
            process: container("c"),
            stdout: true,
            stderr: true,
            framing: Framing::Multiplexed,
            resume: true,
        };
        let (reply, fds) = bench.keeper.call_blocking(Request::Attach(resumed), Vec::new()).unwrap();
        let Reply::Attached { positions } = reply else { panic!("{reply:?}") };
        let [socket, stdout, _] = <[std::os::fd::OwnedFd; 3]>::try_from(fds).unwrap();
        let mut spool = vec![0; usize::try_from(positions[0]).unwrap()];
        std::os::unix::fs::FileExt::read_exact_at(&std::fs::File::from(stdout), &mut spool, 0).unwrap();
        seen.extend_from_slice(&spool[seen.len()..]);
        bench.adopt(container("c"), &held);
        let rest = read_all(UnixStream::from(socket));
        assert!(rest.ends_with(&END_OF_OUTPUT));
        seen.extend(whole_frames(&rest));
        assert!(seen == counted().into_bytes(), "{killed} {logged}");
    }
}

/// Payload of the frames that have come as a whole.
fn whole_frames(bytes: &[u8]) -> Vec<u8> {
    let (mut payload, mut rest) = (Vec::new(), bytes);
    while let Some((header, after)) = rest.split_first_chunk::<8>() {
        let len = u32::from_be_bytes(header[4..].try_into().unwrap()) as usize;
        let Some((frame, next)) = after.split_at_checked(len) else { break };
        payload.extend_from_slice(frame);
        rest = next;
    }
    payload
}

fn exit_status(bench: &Bench) -> ExitStatus {
    match &bench.keeper.list().unwrap()[0].state.health {
        Health::Exited(record) => record.status,
        _ => bench.wait("c"),
    }
}

#[test]
fn terminals_are_given_back_by_the_daemon() {
    let mut bench = Bench::new();
    let script = "stty -echo; echo ready; read x; echo $x; stty size; seq 1000; exit 3";
    let held = bench.start(StartRequest { terminal: Some(size(24, 80)), ..bench.request("c", script) });
    crate::bench::until("it is ready", || bench.logged("c", "stdout").contains("ready"));
    bench.kill_keeper();
    bench.reconnect();
    // Somebody asks for another size before that.
    bench.call(Request::Resize { process: container("c"), size: size(31, 41) });
    bench.adopt(container("c"), &held);
    rustix::io::write(held.terminal.as_ref().unwrap(), b"typed\n").unwrap();
    assert_eq!(exit_status(&bench), ExitStatus::Exited(3));
    let expected: String = (1..=1000).map(|n| format!("{n}\r\n")).collect();
    assert_eq!(bench.logged("c", "stdout"), format!("ready\r\ntyped\r\n31 41\r\n{expected}"));
}

/// A program that takes no precautions against a hang-up has its terminal, and goes on with it.
#[test]
fn terminals_that_no_daemon_held_are_kept_by_the_guardian() {
    let Some(mut bench) = crate::native::bench() else { return };
    let script = "stty -echo; echo ready; read x; echo $x; stty size; seq 1000; exit 3";
    let request = crate::native::request(&bench, "c", process(&["sh", "-c", script]));
    let held = bench.start(StartRequest { terminal: Some(size(24, 80)), ..request });
    crate::bench::until("it is ready", || bench.logged("c", "stdout").contains("ready"));
    bench.kill_keeper();
    drop(held);
    bench.reconnect();
    bench.call(Request::Resize { process: container("c"), size: size(31, 41) });
    // The third keeper has it from the first one's guardian, too.
    bench.kill_keeper();
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    rustix::io::write(listed[0].fds.terminal.as_ref().unwrap(), b"typed\n").unwrap();
    assert_eq!(exit_status(&bench), ExitStatus::Exited(3));
    let expected: String = (1..=1000).map(|n| format!("{n}\r\n")).collect();
    assert_eq!(bench.logged("c", "stdout"), format!("ready\r\ntyped\r\n31 41\r\n{expected}"));
}

/// What it writes last, and how it ends, while nobody else has the terminal.
#[test]
fn the_last_words_on_a_terminal_are_kept_by_the_guardian() {
    let Some(mut bench) = crate::native::bench() else { return };
    let script = "echo ready; while read x < /gate; do :; done; echo last words; exit 5";
    rustix::fs::mkfifoat(rustix::fs::CWD, bench.dir.path().join("rootfs/gate"), rustix::fs::Mode::RUSR).unwrap();
    let gate = std::fs::File::options().read(true).write(true).open(bench.dir.path().join("rootfs/gate")).unwrap();
    let request = crate::native::request(&bench, "c", process(&["sh", "-c", script]));
    let held = bench.start(StartRequest { terminal: Some(size(24, 80)), ..request });
    crate::bench::until("it is ready", || bench.logged("c", "stdout").contains("ready"));
    bench.kill_keeper();
    let pidfd = held.pidfd.as_ref().unwrap().try_clone().unwrap();
    drop(held);
    drop(gate);
    wait_for_end(&pidfd);
    bench.reconnect();
    assert_eq!(exit_status(&bench), ExitStatus::Exited(5));
    assert_eq!(bench.logged("c", "stdout"), "ready\r\nlast words\r\n");
    crate::bench::until("it is let go", || is_reaped(&pidfd));
}

/// It is gone with keeper, guardian and daemon, and the program runs on.
#[test]
fn a_terminal_that_nobody_held_has_no_size_and_that_is_no_failure() {
    let mut bench = Bench::new();
    let script = "trap '' HUP; echo ready; exec sleep 1000";
    let held = bench.start(StartRequest { terminal: Some(size(24, 80)), ..bench.request("c", script) });
    crate::bench::until("it is ready", || bench.logged("c", "stdout").contains("ready"));
    let guardian = rustix::process::Pid::from_raw(parent(bench.keeper_pid())).unwrap();
    rustix::process::kill_process(guardian, rustix::process::Signal::KILL).unwrap();
    bench.kill_keeper();
    drop(held);
    bench.reconnect();
    bench.adopt(container("c"), &Default::default());
    bench.call(Request::Resize { process: container("c"), size: size(31, 41) });
    assert_eq!(bench.keeper.list().unwrap()[0].state.health, Health::Running);
}

#[test]
fn exited_and_running_execs_are_found_again() {
    let mut bench = Bench::new();
    let _held = bench.run("c", "exec sleep 1000");
    bench.started(Request::Exec(Box::new(bench.exec_request("c", "done", "echo kept; exit 4"))));
    bench.exited(&ProcessRef::exec("c", "done"));
    let (_, exec) = bench.started(Request::Exec(Box::new(bench.exec_request("c", "runs", "echo hi; exec sleep 1000"))));
    bench.kill_keeper();
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    let health = |id: &str| {
        let process = ProcessRef::exec("c", id);
        listed.iter().find(|l| l.state.process == process).map(|l| l.state.health.clone()).unwrap()
    };
    assert!(matches!(health("done"), Health::Exited(record) if record.status == ExitStatus::Exited(4)));
    assert_eq!(health("runs"), Health::Running);
    let mut socket = bench.attach(ProcessRef::exec("c", "runs"), Framing::Raw);
    bench.adopt(ProcessRef::exec("c", "runs"), &exec);
    // What is killed before it ran writes nothing.
    let mut written = [0; 3];
    socket.read_exact(&mut written).unwrap();
    assert_eq!(&written, b"hi\n");
    bench.call(Request::Signal { process: ProcessRef::exec("c", "runs"), signal: 9, all: false });
    assert_eq!(bench.exited(&ProcessRef::exec("c", "runs")).status, ExitStatus::Signaled(9));
    assert_eq!(read_all(socket), b"");
}

#[test]
fn both_dead_and_both_back() {
    let mut bench = Bench::new();
    let held = bench.run(
        "c",
        "exec 2>&1; trap '' PIPE; i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); sleep 0.002; done; exec sleep 1000",
    );
    bench.kill_keeper();
    drop(held);
    // Nobody has its pipes open but itself; it writes on.
    std::thread::sleep(std::time::Duration::from_millis(50));
    bench.reconnect();
    let listed = bench.keeper.list().unwrap();
    assert_eq!(listed[0].state.health, Health::Running);
    let expected: String = (0..300).map(|n| format!("{n}\n")).collect();
    crate::bench::until("it has counted", || bench.logged("c", "stdout") == expected);
}

/// What a process writes last, while it is the only one that has its pipes open, would go with it.
#[test]
fn last_words_that_nobody_heard_are_kept_by_the_guardian() {
    let mut bench = Bench::new();
    let script = "read x; echo last words; echo oops >&2; exit 21";
    let held = bench.start(StartRequest { open_stdin: true, ..bench.request("c", script) });
    // By its number: the parent may be the guardian already when the shell looks.
    let keeper = bench.keeper_pid();
    let script = format!("while kill -0 {keeper}; do sleep 0.01; done 2>/dev/null; echo alone; exit 3");
    let exec = bench.exec_request("c", "e", &script);
    let (_, exec) = bench.started(Request::Exec(Box::new(exec)));
    bench.kill_keeper();
    let pidfds = [held.pidfd.as_ref().unwrap(), exec.pidfd.as_ref().unwrap()].map(|fd| fd.try_clone().unwrap());
    drop((held, exec));
    pidfds.iter().for_each(wait_for_end);
    bench.reconnect();
    assert_eq!(exit_status(&bench), ExitStatus::Exited(21));
    assert_eq!(bench.logged("c", "stdout"), "last words\n");
    assert_eq!(bench.logged("c", "stderr"), "oops\n");
    assert_eq!(read_all(bench.attach(ProcessRef::exec("c", "e"), Framing::Raw)), b"alone\n");
    crate::bench::until("all are let go", || pidfds.iter().all(is_reaped));
    let guardians = || std::fs::read_dir(bench.root().join("guardian")).unwrap().count();
    crate::bench::until("the first guardian has ended", || guardians() == 1);
}

/// The keeper that had an orphan reaped dies before its output was taken: the next one does not know by whom it was reaped.
#[test]
fn what_was_reaped_is_let_go_after_another_death() {
    let mut bench = Bench::new();
    let _held = bench.run("c", "exec sleep 1000");
    // By its number: the parent may be the guardian already when the shell looks.
    let keeper = bench.keeper_pid();
    let script = format!("while kill -0 {keeper}; do sleep 0.01; done 2>/dev/null; echo alone; exit 3");
    let (_, exec) = bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", &script))));
    bench.kill_keeper();
    let pidfd = exec.pidfd.as_ref().unwrap().try_clone().unwrap();
    drop(exec);
    wait_for_end(&pidfd);
    bench.reconnect();
    crate::bench::until("it is reaped", || is_reaped(&pidfd));
    bench.kill_keeper();
    bench.reconnect();
    assert_eq!(read_all(bench.attach(ProcessRef::exec("c", "e"), Framing::Raw)), b"alone\n");
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    assert_eq!(exit_status(&bench), ExitStatus::Signaled(9));
    let guardians = || std::fs::read_dir(bench.root().join("guardian")).unwrap().count();
    crate::bench::until("the first guardian has ended", || guardians() == 1);
}

/// As the keeper leaves one behind that was killed before it let the program run.
#[test]
fn an_exec_whose_program_never_ran_is_forgotten() {
    let mut bench = Bench::new();
    let _held = bench.run("c", "exec sleep 1000");
    let script = "printf teu:abandoned > /proc/$$/comm; read x < /dev/zero";
    // What has not executed its program runs a keeper's executable; for this purpose its name will do.
    let keeper = bench.dir.path().join(std::path::Path::new(crate::bench::PLAIN).file_name().unwrap());
    teu_testkit::executable::copy("/bin/sh".as_ref(), &keeper).unwrap();
    let as_keeper = format!("exec {} -c '{script}'", keeper.display());
    let (pid, exec) = bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", &as_keeper))));
    // A program may call itself as it likes.
    let (other, _held) = bench.started(Request::Exec(Box::new(bench.exec_request("c", "other", script))));
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    crate::bench::until("they have their name", || [pid, other].map(name) == ["teu:abandoned\n"; 2]);
    bench.kill_keeper();
    bench.reconnect();
    wait_for_end(exec.pidfd.as_ref().unwrap());
    let listed: Vec<ProcessRef> = bench.keeper.list().unwrap().into_iter().map(|l| l.state.process).collect();
    assert_eq!(listed, [container("c"), ProcessRef::exec("c", "other")]);
    assert!(!bench.root().join("containers/c/exec/e").exists());
    bench.call(Request::Signal { process: ProcessRef::exec("c", "other"), signal: 9, all: false });
    bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", "exit 6"))));
    assert_eq!(bench.exited(&ProcessRef::exec("c", "e")).status, ExitStatus::Exited(6));
}

/// Nobody is attached, and nobody is going to be: the daemon says so by giving what it has.
#[test]
fn an_exec_without_clients_does_not_wait_for_them() {
    let mut bench = Bench::new();
    let _held = bench.run("c", "exec sleep 1000");
    // By its number: the parent may be the guardian already when the shell looks.
    let keeper = bench.keeper_pid();
    let script = format!("while kill -0 {keeper}; do sleep 0.01; done 2>/dev/null; yes | head -c 300000; exit 7");
    let (_, exec) = bench.started(Request::Exec(Box::new(bench.exec_request("c", "e", &script))));
    bench.kill_keeper();
    bench.reconnect();
    bench.adopt(ProcessRef::exec("c", "e"), &exec);
    assert_eq!(bench.exited(&ProcessRef::exec("c", "e")).status, ExitStatus::Exited(7));
}

#[test]
fn a_keeper_that_was_stopped_is_woken_up() {
    let bench = Bench::new();
    let _held = bench.run("c", "exec sleep 1000");
    let pid = bench.keeper_pid();
    let keeper = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(keeper, rustix::process::Signal::STOP).unwrap();
    let (other, _events) = crate::bench::connect(bench.dir.path(), crate::bench::PLAIN);
    assert_eq!(other.list().unwrap().len(), 1);
    assert_eq!(bench.keeper_pid(), pid, "it is the same");
}

/// A daemon deletes a container's files once it has stored the exit; the keeper may die before it is told.
#[test]
fn a_container_whose_log_is_deleted_is_forgotten() {
    let mut bench = Bench::new();
    let folder = bench.dir.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    let mut request = bench.request("c", "echo said; exit 2");
    request.log.path = folder.join("c-json.log");
    let _held = bench.start(request);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(2));
    std::fs::remove_dir_all(&folder).unwrap();
    bench.kill_keeper();
    bench.reconnect();
    bench.ack(container("c"));
    assert!(!bench.root().join("containers/c").exists());
    assert!(bench.keeper.list().unwrap().is_empty());
}
