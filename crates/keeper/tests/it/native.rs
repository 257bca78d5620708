//! Real containers, by Teu's own runtime. Needs root and a static busybox; each container has namespaces of its own, and
//! stays in the keeper's cgroup.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use teu_keeper::protocol::{Event, ExecRequest, ExitStatus, FailureKind, Framing, ProcessRef, Request, StartRequest};
use teu_oci::runtime::{Hook, Hooks, Linux, Namespace, NamespaceKind, Process, Root, Spec, User};

use crate::bench::{Bench, container, read_all, size};

const BUSYBOX: &str = "/bin/busybox";

/// None where real containers cannot be run.
pub(crate) fn bench() -> Option<Bench> {
    if !rustix::process::geteuid().is_root() || !fs::exists(BUSYBOX).unwrap() {
        eprintln!("skipped: needs root and {BUSYBOX}");
        return None;
    }
    let bench = Bench::native();
    let bin = bench.dir.path().join("rootfs/bin");
    fs::create_dir_all(&bin).unwrap();
    for dir in ["proc", "dev", "sys", "tmp", "etc"] {
        fs::create_dir(bench.dir.path().join("rootfs").join(dir)).unwrap();
    }
    teu_testkit::executable::copy(BUSYBOX.as_ref(), &bin.join("busybox")).unwrap();
    for name in ["sh", "cat", "echo", "sleep", "true", "id", "stty", "seq", "ps", "ls", "readlink"] {
        symlink("busybox", bin.join(name)).unwrap();
    }
    fs::write(bin.join("broken"), "no program").unwrap();
    Some(bench)
}

pub(crate) fn process(args: &[&str]) -> Process {
    Process {
        args: args.iter().map(|a| (*a).to_owned()).collect(),
        env: vec!["PATH=/bin".to_owned()],
        cwd: "/".into(),
        ..Process::default()
    }
}

pub(crate) fn request(bench: &Bench, id: &str, process: Process) -> StartRequest {
    let kinds =
        [NamespaceKind::Pid, NamespaceKind::Mount, NamespaceKind::Ipc, NamespaceKind::Uts, NamespaceKind::Network];
    let namespaces = kinds.into_iter().map(|kind| Namespace { kind, path: None }).collect();
    let spec = Spec {
        process: Some(process),
        root: Some(Root { path: bench.dir.path().join("rootfs"), readonly: false }),
        mounts: teu_oci::defaults::mounts(64 << 20).into_iter().filter(|m| m.kind != "cgroup").collect(),
        linux: Some(Linux { namespaces, ..Linux::default() }),
        ..Spec::default()
    };
    StartRequest { spec: Box::new(spec), ..bench.request(id, "") }
}

fn run(bench: &Bench, id: &str, args: &[&str]) {
    bench.start(request(bench, id, process(args)));
}

#[test]
fn a_container_runs_with_its_own_processes() {
    let Some(bench) = bench() else { return };
    run(&bench, "c", &["sh", "-c", "echo $$; echo oops >&2; exit 11"]);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(11));
    assert_eq!((bench.logged("c", "stdout"), bench.logged("c", "stderr")), ("1\n".into(), "oops\n".into()));
}

#[test]
fn an_init_begins_with_all_signals_blocked() {
    let Some(bench) = bench() else { return };
    for (id, hold_signals, blocked) in [("held", true, "fffffffe7ffbfeff"), ("free", false, "0000000000000000")] {
        let script = "while read line; do case $line in SigBlk:*) echo $line;; esac; done </proc/self/status";
        let script = process(&["sh", "-c", script]);
        bench.start(StartRequest { hold_signals, ..request(&bench, id, script) });
        assert_eq!(bench.wait(id), ExitStatus::Exited(0));
        assert_eq!(bench.logged(id, "stdout"), format!("SigBlk: {blocked}\n"));
    }
}

#[test]
fn an_ordinary_user_can_open_its_output_by_name() {
    let Some(bench) = bench() else { return };
    let user = User { uid: 1234, gid: 1234, ..User::default() };
    let process = Process { user, ..process(&["sh", "-c", "echo out > /dev/stdout; echo err > /dev/stderr"]) };
    bench.start(request(&bench, "c", process));
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    assert_eq!((bench.logged("c", "stdout"), bench.logged("c", "stderr")), ("out\n".into(), "err\n".into()));
}

#[test]
fn programs_that_cannot_run_are_told_apart() {
    let Some(bench) = bench() else { return };
    for (args, kind) in [("/none", FailureKind::CommandNotFound), ("/etc", FailureKind::CommandNotExecutable)] {
        let failure = bench.refusal(Request::Start(Box::new(request(&bench, "c", process(&[args])))));
        assert_eq!(failure.kind, kind, "{failure}");
    }
    assert!(bench.keeper.list().unwrap().is_empty());
}

#[test]
fn no_descriptor_and_no_ignored_signal_reaches_a_container() {
    let Some(bench) = bench() else { return };
    run(&bench, "fds", &["ls", "/proc/self/fd"]);
    assert_eq!(bench.wait("fds"), ExitStatus::Exited(0));
    // The fourth is the directory that `ls` reads.
    assert_eq!(bench.logged("fds", "stdout"), "0\n1\n2\n3\n");
    run(&bench, "c", &["cat", "/proc/self/status"]);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    let text = bench.logged("c", "stdout");
    let value = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((value("SigIgn:"), value("SigBlk:")), ("0".repeat(16), "0".repeat(16)));
}

#[test]
fn execs_join_the_container() {
    let Some(bench) = bench() else { return };
    run(&bench, "c", &["sleep", "1000"]);
    let attached = bench.attach(ProcessRef::exec("c", "e"), Framing::Raw);
    let exec = ExecRequest {
        process: Box::new(process(&["sh", "-c", "ps | cat; exit 9"])),
        ..bench.exec_request("c", "e", "")
    };
    bench.started(Request::Exec(Box::new(exec)));
    assert_eq!(bench.exited(&ProcessRef::exec("c", "e")).status, ExitStatus::Exited(9));
    let output = String::from_utf8(read_all(attached)).unwrap();
    assert!(output.contains("1 0") || output.contains("sleep 1000"), "{output}");
    let missing = ExecRequest { process: Box::new(process(&["none"])), ..bench.exec_request("c", "f", "") };
    assert_eq!(bench.refusal(Request::Exec(Box::new(missing))).kind, FailureKind::CommandNotFound);
    // The end of the first process is the end of all.
    let exec = ExecRequest { process: Box::new(process(&["sleep", "1000"])), ..bench.exec_request("c", "g", "") };
    bench.started(Request::Exec(Box::new(exec)));
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    assert_eq!(bench.exited(&ProcessRef::exec("c", "g")).status, ExitStatus::Signaled(9));
}

#[test]
fn terminals_work_in_containers_and_execs() {
    let Some(bench) = bench() else { return };
    let script = process(&["sh", "-c", "stty size; readlink /proc/self/fd/0; sleep 1000"]);
    bench.start(StartRequest { terminal: Some(size(20, 70)), ..request(&bench, "c", script) });
    crate::bench::until("it has written", || bench.logged("c", "stdout").contains("/dev/"));
    assert!(bench.logged("c", "stdout").starts_with("20 70\r\n/dev/pts/0\r\n"));
    let attached = bench.attach(ProcessRef::exec("c", "e"), Framing::Raw);
    let exec = ExecRequest {
        process: Box::new(process(&["stty", "size"])),
        terminal: Some(size(31, 41)),
        ..bench.exec_request("c", "e", "")
    };
    bench.started(Request::Exec(Box::new(exec)));
    assert_eq!(read_all(attached), b"31 41\r\n");
}

#[test]
fn a_keeper_that_is_killed_leaves_containers_running() {
    let Some(mut bench) = bench() else { return };
    let script = "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); [ $((i%500)) = 0 ] && sleep 0.02; done; exit 5";
    let held = bench.start(request(&bench, "c", process(&["sh", "-c", script])));
    let mut status = None;
    for _ in 0..3 {
        bench.kill_keeper();
        bench.reconnect();
        bench.adopt(container("c"), &held);
    }
    for listed in bench.keeper.list().unwrap() {
        if let teu_keeper::protocol::Health::Exited(record) = listed.state.health {
            status = Some(record.status);
        }
    }
    assert_eq!(status.unwrap_or_else(|| bench.wait("c")), ExitStatus::Exited(5));
    let expected: String = (0..3000).map(|n| format!("{n}\n")).collect();
    assert!(bench.logged("c", "stdout") == expected);
}

/// The first process of a namespace ends after all others of it have been reaped.
#[test]
fn an_exec_that_ended_without_a_keeper_does_not_hold_its_container_up() {
    let Some(mut bench) = bench() else { return };
    run(&bench, "c", &["sleep", "1000"]);
    let exec = ExecRequest {
        process: Box::new(process(&["sh", "-c", "read x; echo last words; exit 4"])),
        open_stdin: true,
        ..bench.exec_request("c", "e", "")
    };
    let (_, held) = bench.started(Request::Exec(Box::new(exec)));
    bench.kill_keeper();
    let pidfd = held.pidfd.as_ref().unwrap().try_clone().unwrap();
    drop(held);
    crate::bench::wait_for_end(&pidfd);
    bench.reconnect();
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    assert_eq!(bench.wait("c"), ExitStatus::Signaled(9));
    // Nobody had attached, and the output is still there.
    assert_eq!(read_all(bench.attach(ProcessRef::exec("c", "e"), Framing::Raw)), b"last words\n");
}

#[test]
fn the_keeper_lives_in_a_small_namespace_and_runs_from_a_protected_file() {
    let Some(bench) = bench() else { return };
    let proc = format!("/proc/{}", bench.keeper_pid());
    let mounts = fs::read_to_string(format!("{proc}/mountinfo")).unwrap();
    let has = |point: &str| mounts.lines().any(|l| l.split(' ').nth(4) == Some(point));
    assert!(has("/") && has("/proc") && !has("/dev/shm"), "{mounts}");
    let error = fs::OpenOptions::new().write(true).open(format!("{proc}/exe")).unwrap_err();
    assert!(matches!(error.raw_os_error(), Some(1 | 13 | 26 | 30)), "{error}");
    assert_ne!(fs::read_link(format!("{proc}/exe")).unwrap().to_str(), Some(env!("CARGO_BIN_EXE_keeper")));
}

/// Not a test of speed: it prints what the parts take.
#[test]
fn times_are_printed() {
    let Some(bench) = bench() else { return };
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    for n in 0..30 {
        let id = format!("c{n}");
        let request = request(&bench, &id, process(&["true"]));
        let begin = Instant::now();
        bench.start(request);
        starts.push(begin.elapsed());
        bench.wait(&id);
        ends.push(begin.elapsed());
        bench.ack(container(&id));
    }
    run(&bench, "c", &["sleep", "1000"]);
    let mut execs = Vec::new();
    for n in 0..30 {
        let id = format!("e{n}");
        let exec = ExecRequest { process: Box::new(process(&["true"])), ..bench.exec_request("c", &id, "") };
        let begin = Instant::now();
        bench.started(Request::Exec(Box::new(exec)));
        bench.exited(&ProcessRef::exec("c", &id));
        execs.push(begin.elapsed());
    }
    eprintln!("start {}; start to exit {}; exec to exit {}", spread(starts), spread(ends), spread(execs));
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!("{:?} at best, {:?} median", times[0], times[times.len() / 2])
}

/// Its first process, which waits for its start, has copies of the lowest of its descriptors: the lock and connections.
#[test]
fn a_keeper_that_dies_before_a_start_is_noticed_and_replaced_at_once() {
    let Some(mut bench) = bench() else { return };
    let mut start = request(&bench, "c", process(&["sleep", "1000"]));
    let hook = Hook { path: "/bin/sleep".into(), args: vec!["sleep".into(), "1000".into()], ..Hook::default() };
    start.spec.hooks = Some(Hooks { start_container: vec![hook], ..Hooks::default() });
    let keeper = rustix::process::Pid::from_raw(bench.keeper_pid()).unwrap();
    bench.keeper.call(Request::Start(Box::new(start)), Vec::new(), drop);
    let folder = bench.root().join("containers/c");
    crate::bench::until("it waits for its start", || folder.join("state.json").exists());
    let begin = Instant::now();
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    bench.expect(|event| matches!(event, Event::KeeperGone).then_some(()));
    bench.reconnect();
    // It would hold them for as long as the hook runs. Far above what it takes, since emulated machines are slow.
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert!(bench.keeper.list().unwrap().is_empty());
    assert!(!folder.exists());
}
