//! The keeper and its daemon are killed again and again while containers write numbered lines.
//!
//! The daemon is this test: killing it means that its connection and all descriptors it holds are closed at once. Never
//! are both dead at the same time, so nothing may be lost. `TEU_TORTURE` sets how many kills; otherwise there are 40, or as
//! many as the machine, which may be emulated, takes in [`LIMIT`], but never fewer than 10.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::Signal;
use teu_keeper::protocol::{Event, ExitStatus, Health, ProcessRef, Request};
use teu_keeper::{Descriptors, Error};

use crate::bench::{Bench, container};

const CONTAINERS: usize = 8;
/// Lines of each container on each stream.
const LINES: usize = 4000;
const KILLS: u32 = 40;
const FEW_KILLS: u32 = 10;
const LIMIT: Duration = Duration::from_secs(15);

/// Writes its lines in bursts, then exits with a code of its own.
fn script(n: usize) -> String {
    format!(
        "i=0; while [ $i -lt {LINES} ]; do echo {n} $i; echo {n} $i >&2; i=$((i+1)); \
         [ $((i%250)) = 0 ] && sleep 0.02; done; printf end; exit {}",
        code(n)
    )
}

fn code(n: usize) -> i32 {
    i32::try_from(n % 200 + 1).unwrap()
}

/// Xorshift: the seed is printed, so that a failure can be tried again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What the daemon knows.
struct Daemon {
    bench: Bench,
    held: BTreeMap<ProcessRef, Descriptors>,
    ended: BTreeMap<ProcessRef, ExitStatus>,
    started: usize,
    keeper_pid: i32,
}

fn kill(pid: i32) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

impl Daemon {
    fn kill_keeper(&mut self) {
        // A start may be under way.
        let request = self.bench.request(&format!("c{}", self.started), &script(self.started));
        self.bench.keeper.call(Request::Start(Box::new(request)), Vec::new(), |_| {});
        kill(self.keeper_pid);
        self.bench.reconnect();
        self.reconcile();
    }

    fn kill_daemon(&mut self) {
        self.held.clear();
        self.bench.reconnect();
        self.reconcile();
    }

    /// Adopts, takes over, and notes what has ended.
    fn reconcile(&mut self) {
        self.keeper_pid = self.bench.keeper_pid();
        for listed in self.bench.keeper.list().unwrap() {
            let process = listed.state.process;
            let held = self.held.entry(process.clone()).or_insert(listed.fds);
            self.bench.adopt(process.clone(), held);
            if let Health::Exited(record) = listed.state.health {
                self.note(process, record.status);
            }
        }
        while self.known(&format!("c{}", self.started)) {
            self.started += 1;
        }
    }

    fn known(&self, id: &str) -> bool {
        self.held.contains_key(&container(id)) || self.ended.contains_key(&container(id))
    }

    fn note(&mut self, process: ProcessRef, status: ExitStatus) {
        match self.bench.keeper.call_blocking(Request::AckExit { process: process.clone() }, Vec::new()) {
            Ok(_) | Err(Error::Gone) => {}
            Err(error) => panic!("{error}"),
        }
        self.held.remove(&process);
        if let Some(before) = self.ended.insert(process.clone(), status) {
            assert_eq!(before, status, "{process}");
        }
    }

    /// Takes events for a while, and keeps so many containers running.
    fn live(&mut self, time: Duration) {
        while let Ok(event) = self.bench.events.recv_timeout(time) {
            if let Event::Exited { process, record } = event {
                self.note(process, record.status);
            }
        }
        while self.held.len() < CONTAINERS {
            let id = format!("c{}", self.started);
            let fds = self.bench.run(&id, &script(self.started));
            self.held.insert(container(&id), fds);
            self.started += 1;
        }
    }

    fn finish(&mut self) {
        while self.ended.len() < self.started {
            let (process, status) = self.bench.expect(|event| match event {
                Event::Exited { process, record } => Some((process.clone(), record.status)),
                _ => None,
            });
            self.note(process, status);
        }
    }
}

#[test]
fn no_line_is_lost_or_doubled_and_no_exit_code_wrong() {
    let asked: Option<u32> = std::env::var("TEU_TORTURE").ok().map(|n| n.parse().unwrap());
    let seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let mut random = Random(u64::try_from(seed & u128::from(u64::MAX)).unwrap() | 1);
    eprintln!("seed {}", random.0);
    let (held, ended) = (BTreeMap::new(), BTreeMap::new());
    let bench = Bench::new();
    let mut daemon = Daemon { keeper_pid: bench.keeper_pid(), bench, held, ended, started: 0 };
    daemon.live(Duration::ZERO);
    let begin = Instant::now();
    let late = || begin.elapsed() > LIMIT;
    let enough = |kills| kills >= asked.unwrap_or(if late() { FEW_KILLS } else { KILLS });
    let mut kills = 0;
    while !enough(kills) {
        kills += 1;
        daemon.live(Duration::from_micros(random.below(20_000)));
        match random.below(2) {
            0 => daemon.kill_keeper(),
            _ => daemon.kill_daemon(),
        }
    }
    daemon.finish();
    eprintln!("{kills} kills, {} containers", daemon.started);
    for n in 0..daemon.started {
        let id = format!("c{n}");
        assert_eq!(daemon.ended[&container(&id)], ExitStatus::Exited(code(n)), "{id}");
        let lines: String = (0..LINES).map(|i| format!("{n} {i}\n")).collect();
        assert!(daemon.bench.logged(&id, "stderr") == lines, "standard error of {id}");
        assert!(daemon.bench.logged(&id, "stdout") == lines.clone() + "end", "standard output of {id}");
    }
    assert!(daemon.bench.keeper.list().unwrap().is_empty());
    let left = std::fs::read_dir(daemon.bench.root().join("containers")).unwrap().count();
    assert_eq!(left, 0, "files of acknowledged containers");
}
