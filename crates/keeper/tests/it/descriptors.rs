//! Which descriptors programs have while the keeper holds many.

use std::fs;
use std::io::{Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use teu_keeper::protocol::{
    Event, ExecRequest, ExitStatus, Framing, PassedFd, ProcessRef, Request, StartRequest, WinSize,
};
use teu_oci::runtime::{Hook, Hooks};

use crate::bench::{Bench, container, read_all, size, until};
use crate::native::{self, process, request};

/// Where the keeper puts what it keeps.
const HIGH: u64 = 64;
/// The keeper has a descriptor for each.
const CLIENTS: usize = 300;

/// A keeper with a container `held`, to which this many are attached, and the descriptors that it began with.
fn crowded(clients: usize, limit: Option<u64>) -> Option<(Bench, Vec<UnixStream>, Vec<u64>)> {
    let bench = native::bench()?;
    let inherited = numbers(bench.keeper_pid());
    if let Some(limit) = limit {
        let keeper = Pid::from_raw(bench.keeper_pid());
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        prlimit(keeper, Resource::Nofile, limit).unwrap();
    }
    bench.start(request(&bench, "held", process(&["sleep", "1000"])));
    let clients = (0..clients).map(|_| bench.attach(container("held"), Framing::Raw)).collect();
    Some((bench, clients, inherited))
}

fn numbers(pid: i32) -> Vec<u64> {
    let names = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.to_str().unwrap().parse().unwrap()).collect()
}

fn file(text: &str) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file.into()
}

/// Containers and execs, with and without a terminal. `ls` opens a directory itself.
fn check(bench: &Bench) {
    let script = process(&["sh", "-c", "ls /proc/self/fd; cat <&3 <&4; cat <&3"]);
    let mut start = request(bench, "given", script);
    start.fds = vec![PassedFd::Preserve, PassedFd::Preserve];
    let given = vec![file("three "), file("four ")];
    bench.keeper.call_blocking(Request::Start(Box::new(start)), given).unwrap();
    assert_eq!(bench.wait("given"), ExitStatus::Exited(0));
    assert_eq!(bench.logged("given", "stdout"), "0\n1\n2\n3\n4\n5\nfour three ");
    let list = ["ls", "/proc/self/fd"];
    let terminal = Some(size(24, 80));
    bench.start(StartRequest { terminal, ..request(bench, "terminal", process(&list)) });
    assert_eq!(bench.wait("terminal"), ExitStatus::Exited(0));
    assert_eq!(in_lines(&bench.logged("terminal", "stdout")), "0 1 2 3");
    assert_eq!(exec(bench, "plain", None), "0 1 2 3");
    assert_eq!(exec(bench, "with-terminal", terminal), "0 1 2 3");
}

fn exec(bench: &Bench, id: &str, terminal: Option<WinSize>) -> String {
    let attached = bench.attach(ProcessRef::exec("held", id), Framing::Raw);
    let process = Box::new(process(&["ls", "/proc/self/fd"]));
    let exec = ExecRequest { process, terminal, ..bench.exec_request("held", id, "") };
    bench.started(Request::Exec(Box::new(exec)));
    in_lines(&String::from_utf8(read_all(attached)).unwrap())
}

fn in_lines(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_program_has_its_own_however_many_the_keeper_holds() {
    let Some((bench, _clients, _)) = crowded(CLIENTS, None) else { return };
    check(&bench);
    let high = numbers(bench.keeper_pid()).into_iter().filter(|number| *number >= HIGH).count();
    assert!(high > CLIENTS, "{high} are out of the way");
}

#[test]
fn a_keeper_without_room_above_keeps_all_below_its_limit() {
    let Some((bench, _clients, inherited)) = crowded(10, Some(HIGH)) else { return };
    check(&bench);
    assert!(numbers(bench.keeper_pid()).into_iter().all(|number| number < HIGH || inherited.contains(&number)));
}

#[test]
fn room_for_some_above_is_used() {
    let Some((bench, _clients, inherited)) = crowded(110, Some(HIGH + 100)) else { return };
    check(&bench);
    let mut numbers = numbers(bench.keeper_pid());
    numbers.retain(|number| !inherited.contains(number));
    assert_eq!(numbers.iter().filter(|number| **number >= HIGH).count(), 100);
    assert!(numbers.len() > 110);
}

/// Seen where it waits for a hook before its program.
#[test]
fn a_new_process_has_no_copy_of_what_the_keeper_holds() {
    let Some((mut bench, _clients, _)) = crowded(CLIENTS, None) else { return };
    let mut start = request(&bench, "c", process(&["sleep", "1000"]));
    let hook = Hook { path: "/bin/sleep".into(), args: vec!["sleep".into(), "1000".into()], ..Hook::default() };
    start.spec.hooks = Some(Hooks { start_container: vec![hook], ..Hooks::default() });
    let keeper = Pid::from_raw(bench.keeper_pid()).unwrap();
    bench.keeper.call(Request::Start(Box::new(start)), Vec::new(), drop);
    let state = bench.root().join("containers/c/state.json");
    until("it waits for its start", || state.exists());
    let state: serde_json::Value = serde_json::from_slice(&fs::read(state).unwrap()).unwrap();
    let numbers = numbers(state["pid"].as_i64().unwrap().try_into().unwrap());
    // It is busy with the hook; the next one ends the container.
    rustix::process::kill_process(keeper, rustix::process::Signal::KILL).unwrap();
    bench.expect(|event| matches!(event, Event::KeeperGone).then_some(()));
    bench.reconnect();
    assert!(numbers.len() < 60 && numbers.iter().all(|number| *number < HIGH), "{numbers:?}");
}
