//! Cgroups: made ahead of a start, and gone after the end.

use teu_keeper::Keeper;
use teu_keeper::protocol::{ExitStatus, FailureKind, Request, StartRequest};
use teu_sys::cgroup::{Cgroup, Hierarchy};

use crate::bench::{Bench, container, until};
use crate::native;

/// The group that holds a test's cgroups; it goes with the test.
struct Parent {
    hierarchy: Hierarchy,
    path: String,
}

impl Parent {
    fn new(name: &str) -> Parent {
        let path = format!("/teu-test-{}-{name}", std::process::id());
        Parent { hierarchy: Hierarchy::detect().unwrap(), path }
    }

    fn of(&self, id: &str) -> String {
        format!("{}/{id}", self.path)
    }

    fn exists(&self, id: &str) -> bool {
        Cgroup::open(&self.hierarchy, &self.of(id)).is_ok()
    }

    fn reserve(&self, id: &str) -> Request {
        Request::Reserve { container: id.to_owned(), cgroup_path: self.of(id) }
    }

    fn unreserve(&self, id: &str) -> Request {
        Request::Unreserve { container: id.to_owned(), cgroup_path: self.of(id) }
    }

    fn start(&self, bench: &Bench, id: &str) -> Request {
        let request = native::request(bench, id, native::process(&["sleep", "1000"]));
        Request::Start(Box::new(StartRequest { cgroup_path: self.of(id), ..request }))
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        if let Ok(group) = Cgroup::open(&self.hierarchy, &self.path) {
            group.remove().unwrap();
        }
    }
}

#[test]
fn a_start_uses_what_was_made_ahead() {
    let Some(bench) = native::bench() else { return };
    let parent = Parent::new("used");
    bench.call(parent.reserve("c"));
    assert!(parent.exists("c"));
    let (pid, _) = bench.started(parent.start(&bench, "c"));
    assert_eq!(Cgroup::open(&parent.hierarchy, &parent.of("c")).unwrap().pids().unwrap(), [pid]);
    // Of what runs nothing is taken away.
    for request in [parent.reserve("c"), parent.unreserve("c")] {
        assert_eq!(bench.refusal(request).kind, FailureKind::Conflict);
    }
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    assert_eq!(bench.wait("c"), ExitStatus::Signaled(9));
    until("its cgroup goes with it", || !parent.exists("c"));
}

#[test]
fn what_is_not_used_goes() {
    let Some(bench) = native::bench() else { return };
    let parent = Parent::new("unused");
    // No start comes.
    bench.call(parent.reserve("c"));
    bench.call(parent.reserve("c"));
    bench.call(parent.unreserve("c"));
    bench.call(parent.unreserve("c"));
    assert!(!parent.exists("c"));
    // The start fails.
    bench.call(parent.reserve("c"));
    let Request::Start(mut start) = parent.start(&bench, "c") else { panic!() };
    start.spec.process.as_mut().unwrap().args = vec!["/no/such".to_owned()];
    assert_eq!(bench.refusal(Request::Start(start)).kind, FailureKind::CommandNotFound);
    assert!(!parent.exists("c"));
    // The daemon dies; what another has reserved stays.
    let daemon = Keeper::connect(&bench.root(), |_| {}).unwrap();
    for id in ["c", "d"] {
        daemon.call_blocking(parent.reserve(id), Vec::new()).unwrap();
    }
    bench.call(parent.reserve("d"));
    drop(daemon);
    until("the reserved cgroup goes with its daemon", || !parent.exists("c"));
    assert!(parent.exists("d"));
    // The keeper ends.
    bench.call(Request::Shutdown { force: false });
    until("the reserved cgroup goes with the keeper", || !parent.exists("d"));
}

#[test]
fn a_killed_keepers_reservation_is_the_next_ones_to_use_or_remove() {
    let Some(mut bench) = native::bench() else { return };
    let parent = Parent::new("killed");
    for id in ["c", "d"] {
        bench.call(parent.reserve(id));
    }
    bench.kill_keeper();
    bench.reconnect();
    bench.started(parent.start(&bench, "c"));
    bench.call(parent.unreserve("d"));
    assert!(!parent.exists("d"));
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    bench.wait("c");
    until("its cgroup goes with it", || !parent.exists("c"));
}

#[test]
fn a_killed_keeper_leaves_no_cgroup_that_is_not_on_record() {
    let Some(mut bench) = native::bench() else { return };
    let parent = Parent::new("record");
    let ended = bench.root().join("ended");
    for _ in 0..5 {
        bench.started(parent.start(&bench, "c"));
        bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
        bench.wait("c");
        // It removes the cgroup when it has nothing else to do.
        bench.ack(container("c"));
        bench.kill_keeper();
        assert!(!parent.exists("c") || ended.join("c/state.json").exists());
        bench.reconnect();
        // The end has been acknowledged: nobody asks for it again, and the next run is another one.
        assert!(bench.keeper.list().unwrap().is_empty());
        assert!(!parent.exists("c") && std::fs::read_dir(&ended).unwrap().next().is_none());
    }
    bench.started(parent.start(&bench, "c"));
    bench.call(Request::Signal { process: container("c"), signal: 9, all: false });
    bench.wait("c");
    bench.ack(container("c"));
    until("its cgroup goes", || !parent.exists("c"));
    until("so do its files", || std::fs::read_dir(&ended).unwrap().next().is_none());
}
