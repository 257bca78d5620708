//! Groups of this test's own, `/teu-test-<pid>-<n>`, which it removes.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use teu_sys::cgroup::*;

/// A group that is removed with the test.
struct Group(Cgroup);

impl std::ops::Deref for Group {
    type Target = Cgroup;
    fn deref(&self) -> &Cgroup {
        &self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.0.remove().expect("cannot remove the test's cgroup");
    }
}

fn group() -> Option<Group> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return None;
    }
    let hierarchy = Hierarchy::detect().unwrap();
    let path = format!("/teu-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    Some(Group(Cgroup::create(&hierarchy, &path).unwrap()))
}

fn v2(group: &Cgroup, controller: Controller) -> bool {
    let name = controller.v2_name();
    group
        .directories()
        .any(|(dir, v2)| v2 && std::fs::read_to_string(dir.join("cgroup.controllers")).unwrap().contains(name))
}

/// Content of a file in whichever directory has it.
fn content(group: &Cgroup, name: &str) -> String {
    let text = group.directories().find_map(|(dir, _)| std::fs::read_to_string(dir.join(name)).ok());
    text.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
}

/// A shell that runs a script once it is told to, and is in the group by then.
fn start(group: &Cgroup, script: &str) -> Child {
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("read go; {script}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    group.attach(i32::try_from(child.id()).unwrap()).unwrap();
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    child
}

fn wait_for_output(child: &mut Child) -> String {
    let mut byte = [0];
    let mut text = String::new();
    while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 && byte[0] != b'\n' {
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn limits_reach_the_kernel() {
    let Some(group) = group() else { return };
    let resources = Resources {
        cpu: Cpu { shares: Some(512), quota: Some(50_000), period: Some(100_000), ..Cpu::default() },
        cpuset: Cpuset { cpus: Some("0".into()), mems: Some("0".into()) },
        memory: Memory { limit: Some(64 << 20), reservation: Some(32 << 20), ..Memory::default() },
        pids: Some(42),
        ..Resources::default()
    };
    group.apply(&resources).unwrap();
    if v2(&group, Controller::Cpu) {
        assert_eq!(content(&group, "cpu.weight"), "59");
        assert_eq!(content(&group, "cpu.max"), "50000 100000");
        assert_eq!(content(&group, "memory.max"), (64 << 20).to_string());
        assert_eq!(content(&group, "memory.low"), (32 << 20).to_string());
    } else {
        assert_eq!(content(&group, "cpu.shares"), "512");
        assert_eq!(content(&group, "cpu.cfs_quota_us"), "50000");
        assert_eq!(content(&group, "memory.limit_in_bytes"), (64 << 20).to_string());
        assert_eq!(content(&group, "memory.soft_limit_in_bytes"), (32 << 20).to_string());
    }
    assert_eq!(content(&group, "cpuset.cpus"), "0");
    assert_eq!(content(&group, "pids.max"), "42");
    let stats = group.stats().unwrap();
    assert_eq!(stats.pids.unwrap().limit, Some(42));
    assert_eq!(stats.memory.unwrap().limit, Some(64 << 20));
    group.apply(&Resources { pids: Some(-1), ..Resources::default() }).unwrap();
    assert_eq!(group.stats().unwrap().pids.unwrap().limit, None);
}

#[test]
fn controllers_that_few_are_limited_by_come_with_the_limit() {
    let Some(group) = group() else { return };
    let hierarchy = Hierarchy::detect().unwrap();
    if hierarchy.version() != Version::V2 || !hierarchy.has(Controller::Hugetlb) {
        return;
    }
    // Whatever others have enabled for groups below the root.
    let inner = Group(Cgroup::create(&hierarchy, &format!("{}/inner", group.path())).unwrap());
    assert!(v2(&inner, Controller::Memory) && !v2(&inner, Controller::Hugetlb) && !v2(&inner, Controller::Rdma));
    assert!(inner.stats().unwrap().hugetlb.is_empty());
    let hugetlb = vec![HugetlbLimit { page_size: "2MB".into(), limit: 4 << 20 }];
    inner.apply(&Resources { hugetlb, ..Resources::default() }).unwrap();
    assert_eq!(content(&inner, "hugetlb.2MB.max"), (4 << 20).to_string());
    assert!(inner.stats().unwrap().hugetlb.contains_key("2MB"));
}

#[test]
fn limits_can_be_raised_lowered_and_lifted() {
    let Some(group) = group() else { return };
    for (limit, swap) in
        [(64 << 20, 128 << 20), (256 << 20, 512 << 20), (32 << 20, 32 << 20), (-1, -1), (16 << 20, 64 << 20)]
    {
        let memory = Memory { limit: Some(limit), swap: Some(swap), ..Memory::default() };
        group.apply(&Resources { memory, ..Resources::default() }).unwrap();
        let stats = group.stats().unwrap().memory.unwrap();
        assert_eq!(stats.limit, u64::try_from(limit).ok());
        if let (Some(_), Ok(limit), Ok(swap)) = (stats.swap_usage, u64::try_from(limit), u64::try_from(swap)) {
            let expected = if v2(&group, Controller::Memory) { swap - limit } else { swap };
            assert_eq!(stats.swap_limit, Some(expected));
        }
    }
    for (quota, period) in
        [(Some(20_000), Some(10_000)), (Some(500_000), Some(1_000_000)), (Some(-1), None), (None, Some(50_000))]
    {
        group.apply(&Resources { cpu: Cpu { quota, period, ..Cpu::default() }, ..Resources::default() }).unwrap();
    }
    let nonsense = Memory { limit: Some(2 << 20), swap: Some(1 << 20), ..Memory::default() };
    let error = group.apply(&Resources { memory: nonsense, ..Resources::default() }).unwrap_err();
    // The kernel of v1 says so itself.
    match v2(&group, Controller::Memory) {
        true => assert!(matches!(error, Error::InvalidValue { .. }), "{error}"),
        false => assert!(matches!(error, Error::Write { errno: Errno::INVAL, .. }), "{error}"),
    }
}

#[test]
fn too_many_tasks_are_refused() {
    let Some(group) = group() else { return };
    group.apply(&Resources { pids: Some(1), ..Resources::default() }).unwrap();
    let mut child = start(&group, "/bin/true; echo $?");
    let output = wait_for_output(&mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(output.is_empty() || output == "2", "a second task was allowed: {output}");
}

#[test]
fn a_process_joins_by_itself() {
    use std::os::fd::AsFd;
    let Some(group) = group() else { return };
    let fds = group.join_fds().unwrap();
    let (joined, tell) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    let child = teu_sys::process::spawn(teu_sys::process::CloneFlags::empty(), group.clone_fd(), || {
        let all = fds.iter().all(|fd| rustix::io::write(fd, b"0").is_ok());
        let _ = rustix::io::write(&tell, if all { b"y" } else { b"n" });
        // Until it is killed.
        loop {
            let _ = rustix::event::poll(&mut [], None);
        }
    })
    .unwrap();
    let mut answer = [0];
    rustix::io::read(&joined, &mut answer).unwrap();
    assert_eq!(&answer, b"y");
    assert_eq!(group.pids().unwrap(), [child.pid]);
    let groups = std::fs::read_to_string(format!("/proc/{}/cgroup", child.pid)).unwrap();
    assert!(groups.lines().all(|line| line.ends_with(group.path())), "{groups}");
    assert_eq!(Cgroup::of_process(&Hierarchy::detect().unwrap(), child.pid).unwrap().path(), group.path());
    group.kill().unwrap();
    assert_eq!(teu_sys::pidfd::wait(child.pidfd.as_fd()).unwrap(), teu_sys::pidfd::ExitStatus::Signaled(9));
}

#[test]
fn frozen_processes_stand_still_and_die() {
    let Some(group) = group() else { return };
    let mut child = start(&group, "while :; do sleep 0.01; done");
    group.freeze().unwrap();
    assert!(group.is_frozen().unwrap());
    let usage = || group.stats().unwrap().cpu.unwrap().usage;
    let before = usage();
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(usage(), before);
    group.thaw().unwrap();
    assert!(!group.is_frozen().unwrap());
    group.freeze().unwrap();
    group.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn removal_kills_and_takes_children_along() {
    let Some(group) = group() else { return };
    let inner = Cgroup::create(&Hierarchy::detect().unwrap(), &format!("{}/inner/deep", group.path())).unwrap();
    let mut child = start(&inner, "while :; do sleep 1; done");
    assert!(group.pids().unwrap().contains(&i32::try_from(child.id()).unwrap()));
    group.remove().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(group.directories().all(|(dir, _)| !dir.exists()));
    group.remove().unwrap();
    assert!(matches!(Cgroup::open(&Hierarchy::detect().unwrap(), group.path()), Err(Error::NotFound { .. })));
}

#[test]
fn a_group_in_use_is_not_taken_over() {
    let Some(group) = group() else { return };
    let hierarchy = Hierarchy::detect().unwrap();
    Cgroup::create(&hierarchy, group.path()).unwrap();
    let mut child = start(&group, "sleep 100");
    assert!(matches!(Cgroup::create(&hierarchy, group.path()), Err(Error::InUse { .. })));
    group.kill().unwrap();
    child.wait().unwrap();
}

/// A keeper that is killed leaves a container's group behind: empty and killed, or with processes that are about to go.
#[test]
fn a_group_is_made_anew_whatever_is_left_in_it() {
    let Some(group) = group() else { return };
    let hierarchy = Hierarchy::detect().unwrap();
    let mut left = start(&group, "sleep 100");
    group.apply(&Resources { pids: Some(42), ..Resources::default() }).unwrap();
    for _ in 0..2 {
        let again = Cgroup::create_anew(&hierarchy, group.path()).unwrap();
        assert_eq!(again.stats().unwrap().pids.unwrap().limit, None);
        let child = teu_sys::process::spawn(teu_sys::process::CloneFlags::empty(), again.clone_fd(), || 7).unwrap();
        assert_eq!(teu_sys::pidfd::wait(child.pidfd.as_fd()).unwrap(), teu_sys::pidfd::ExitStatus::Exited(7));
        again.kill().unwrap();
    }
    assert!(!left.wait().unwrap().success());
}

#[test]
fn running_out_of_memory_is_noticed() {
    let Some(group) = group() else { return };
    let memory = Memory { limit: Some(16 << 20), swap: Some(16 << 20), oom_group: Some(false), ..Memory::default() };
    group.apply(&Resources { memory, ..Resources::default() }).unwrap();
    let mut watch = group.watch_oom().unwrap();
    assert!(!watch.take());
    let mut child = start(&group, "exec tail /dev/zero");
    assert!(!child.wait().unwrap().success());
    let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&watch.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1));
    assert!(watch.take());
    assert!(!watch.take());
    assert_eq!(group.oom_kills().unwrap(), 1);
    // One that comes later does not know, unless it asks.
    assert!(!group.watch_oom().unwrap().take());
    assert!(group.watch_oom().unwrap().from_the_start().take());
}

#[test]
fn emptiness_is_noticed() {
    let Some(group) = group() else { return };
    let Some(mut watch) = group.watch_populated().unwrap() else { return };
    let mut child = start(&group, "exit 0");
    child.wait().unwrap();
    let limit = Timespec { tv_sec: 5, tv_nsec: 0 };
    while watch.take() {
        assert_eq!(poll(&mut [PollFd::new(&watch.as_fd(), PollFlags::IN)], Some(&limit)), Ok(1));
    }
    assert!(group.pids().unwrap().is_empty());
}

#[test]
fn devices_are_guarded() {
    let Some(group) = group() else { return };
    let rule = |allow, kind, major, minor, access| DeviceRule { allow, kind, major, minor, access };
    let everything = rule(false, DeviceKind::All, None, None, DeviceAccess::all());
    let null = rule(true, DeviceKind::Char, Some(1), Some(3), DeviceAccess::all());
    let zero = rule(true, DeviceKind::Char, Some(1), Some(5), DeviceAccess::READ);
    let works = |script: &str| start(&group, &format!("exec 2>&-; {script}")).wait().unwrap().success();
    let apply = |rules: &[DeviceRule]| {
        group.apply(&Resources { devices: Some(rules.to_vec()), ..Resources::default() }).unwrap();
    };
    apply(&[everything, null, zero]);
    assert!(works("echo x >/dev/null"));
    assert!(works(": </dev/zero"));
    assert!(!works("echo x >/dev/zero"));
    assert!(!works(": </dev/full"));
    apply(&[everything, null]);
    assert!(works("echo x >/dev/null"));
    assert!(!works(": </dev/zero"));
    apply(&[DeviceRule { allow: true, ..everything }, DeviceRule { allow: false, ..zero }]);
    assert!(works(": </dev/full"));
    assert!(!works(": </dev/zero"));
    apply(&[DeviceRule { allow: true, ..everything }]);
    assert!(works(": </dev/zero"));
}

#[test]
fn unified_settings_are_for_v2() {
    let Some(group) = group() else { return };
    let unified = BTreeMap::from([("memory.high".to_owned(), "1048576".to_owned())]);
    let outcome = group.apply(&Resources { unified, ..Resources::default() });
    if Hierarchy::detect().unwrap().version() == Version::V2 {
        outcome.unwrap();
        assert_eq!(content(&group, "memory.high"), "1048576");
        let escape = BTreeMap::from([("cgroup.x/../../y".to_owned(), "1".to_owned())]);
        assert!(group.apply(&Resources { unified: escape, ..Resources::default() }).is_err());
    } else {
        assert!(outcome.is_err());
    }
}

#[test]
fn usage_is_counted() {
    let Some(group) = group() else { return };
    let mut child = start(&group, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; read end");
    assert_eq!(wait_for_output(&mut child), "done");
    let stats = group.stats().unwrap();
    let cpu = stats.cpu.unwrap();
    assert!(cpu.usage > 1_000_000, "{cpu:?}");
    assert!(cpu.per_cpu.is_empty() || cpu.per_cpu.iter().sum::<u64>() == cpu.usage);
    let memory = stats.memory.unwrap();
    assert!(memory.usage > 0 && memory.stat.len() > 10);
    assert_eq!(stats.pids.unwrap().current, 1);
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn systemd_makes_scopes_and_keeps_their_limits() {
    if !SystemdPath::is_booted() || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs systemd");
        return;
    }
    let hierarchy = Hierarchy::detect().unwrap();
    let path = SystemdPath::parse(&format!("teu-test.slice:teu:{}", std::process::id())).unwrap();
    let memory = Memory { limit: Some(64 << 20), ..Memory::default() };
    let resources = Resources { memory, pids: Some(77), ..Resources::default() };
    let (scope, holder) = Cgroup::create_scope(&hierarchy, &path, &resources).unwrap();
    let group = Group(scope);
    group.apply(&resources).unwrap();
    let mut child = start(&group, "echo in; read end");
    assert_eq!(wait_for_output(&mut child), "in");
    drop(holder);
    assert_eq!(group.pids().unwrap(), [i32::try_from(child.id()).unwrap()]);
    let change = Resources { memory: Memory { limit: Some(96 << 20), ..Memory::default() }, ..Resources::default() };
    group.apply(&change).unwrap();
    group.tell_systemd(&change).unwrap();
    let reload = Command::new("systemctl").arg("daemon-reload").status().unwrap();
    assert!(reload.success());
    let stats = group.stats().unwrap();
    assert_eq!(stats.memory.unwrap().limit, Some(96 << 20));
    assert_eq!(stats.pids.unwrap().limit, Some(77));
    let again = Cgroup::create_scope(&hierarchy, &path, &resources).unwrap_err();
    assert!(again.to_string().contains(&path.unit()), "{again}");
    group.remove().unwrap();
    assert!(!child.wait().unwrap().success());
}
