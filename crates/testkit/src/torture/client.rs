//! Command lines that run while daemon and keeper are being killed.

use crate::engine::Engine;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A command line that takes longer hangs.
const PATIENCE: &str = "60";
/// What `timeout` exits with when it had to end a command line.
const HUNG: i32 = 124;
/// How long the engine may take to serve again.
const RETRY: Duration = Duration::from_secs(40);

/// What all who take part know.
pub(crate) struct World {
    executable: PathBuf,
    address: String,
    config: PathBuf,
    /// Odd while there is no daemon; changes with each of its deaths.
    daemon: AtomicU64,
    /// Deaths of keepers.
    keeper: AtomicU64,
    over: AtomicBool,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    faults: Mutex<Vec<String>>,
}

/// What became of a command line.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The daemon lived all the time.
    pub(crate) calm: bool,
}

impl Outcome {
    pub(crate) fn ok(&self) -> bool {
        self.code == 0
    }

    /// What it said, in one line.
    pub(crate) fn said(&self) -> String {
        let daemon = if self.calm { "lived" } else { "died" };
        format!("exit {}, {:?}, {:?}; the daemon {daemon}", self.code, self.out.trim(), self.err.trim())
    }
}

impl World {
    pub(crate) fn new(engine: &Engine, executable: PathBuf) -> Self {
        Self {
            executable,
            address: engine.address(),
            config: engine.host.path("config"),
            daemon: AtomicU64::new(0),
            keeper: AtomicU64::new(0),
            over: AtomicBool::new(false),
            counts: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// The command line, in at most [`PATIENCE`] seconds.
    pub(crate) fn teu(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", PATIENCE]).arg(&self.executable).args(arguments);
        command.env("DOCKER_HOST", &self.address).env("DOCKER_CONFIG", &self.config).stdin(Stdio::null());
        command
    }

    /// Runs a command line once.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        let before = self.deaths_of_daemon();
        let output = self.teu(arguments).output()?;
        let code = output.status.code().unwrap_or(HUNG);
        let outcome = Outcome {
            code,
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            calm: self.is_calm_since(before),
        };
        if code == HUNG || code == 137 && output.stdout.is_empty() && output.stderr.is_empty() {
            self.fault(format!("`teu {}` hangs", arguments.join(" ")));
        }
        Ok(outcome)
    }

    /// Runs a command line that may be repeated until it succeeds, or until `done` says that its failure is an answer.
    pub(crate) fn insist(&self, arguments: &[&str], done: impl Fn(&Outcome) -> bool) -> Result<Outcome> {
        let begin = Instant::now();
        loop {
            let outcome = self.run(arguments)?;
            if outcome.ok() || done(&outcome) {
                return Ok(outcome);
            }
            if outcome.calm && !is_unreachable(&outcome) || begin.elapsed() > RETRY {
                self.fault(format!("`teu {}` fails: {}", arguments.join(" "), outcome.said()));
                return Ok(outcome);
            }
            // The next daemon is on its way; its command lines are not what is tortured here.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn deaths_of_daemon(&self) -> u64 {
        self.daemon.load(Ordering::SeqCst)
    }

    /// Whether the daemon has lived since [`World::deaths_of_daemon`] was `before`.
    pub(crate) fn is_calm_since(&self, before: u64) -> bool {
        before.is_multiple_of(2) && before == self.deaths_of_daemon()
    }

    /// The daemon is about to be killed, or serves again.
    pub(crate) fn daemon_changes(&self) {
        self.daemon.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn keeper_dies(&self) {
        self.keeper.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn deaths_of_keeper(&self) -> u64 {
        self.keeper.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn count(&self, what: &'static str, number: u64) {
        *locked(&self.counts).entry(what).or_default() += number;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.counts).clone()
    }

    /// Notes what must not happen.
    pub(crate) fn fault(&self, what: String) {
        eprintln!("FAULT: {what}");
        locked(&self.faults).push(what);
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        locked(&self.faults).clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a command line found no daemon: it was starting.
fn is_unreachable(outcome: &Outcome) -> bool {
    outcome.err.contains("connect")
}

/// Whether a command line was told that there is no such container.
pub(crate) fn is_missing(outcome: &Outcome) -> bool {
    let said = outcome.err.to_lowercase();
    said.contains("no such container") || said.contains("no such object")
}
