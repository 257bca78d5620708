//! Short-lived containers and commands whose outcome is known beforehand.

use super::client::{Outcome, World, is_missing};
use crate::random::Random;
use anyhow::Result;
use std::time::{Duration, Instant};

/// Exit codes that mean nothing but what the program said: 1, 125 and more also come from the command line itself.
const CODES: std::ops::Range<u64> = 2..100;
/// What an exit code is shown as that nobody knows.
const UNKNOWN: &str = "255";
/// What a `run` says that outlived the daemon: its connection was cut, and there was a new daemon when it noticed.
const CUT: &str = "some output may be missing";
/// How long a container with `--rm` may outlive its end.
const REMOVAL: Duration = Duration::from_secs(30);

/// Who makes the load.
pub(super) struct Churn<'w> {
    pub(super) world: &'w World,
    pub(super) random: Random,
    pub(super) image: &'w str,
    pub(super) worker: usize,
    /// Of the containers that run all the time.
    pub(super) chatty: Vec<String>,
    serial: u64,
}

impl<'w> Churn<'w> {
    pub(super) fn new(world: &'w World, random: Random, image: &'w str, worker: usize, chatty: Vec<String>) -> Self {
        Self { world, random, image, worker, chatty, serial: 0 }
    }

    /// One thing after the other until the end.
    pub(super) fn run(&mut self) -> Result<()> {
        while !self.world.is_over() {
            self.serial += 1;
            let name = format!("churn-{}-{}", self.worker, self.serial);
            let code = CODES.start + self.random.below(CODES.end - CODES.start);
            match self.random.below(10) {
                0..3 => self.detached(&name, code)?,
                3..5 => self.foreground(&name, code)?,
                5..8 => self.exec(&name, code)?,
                8 => self.stopped(&name, code)?,
                _ => self.look()?,
            }
        }
        Ok(())
    }

    /// `run -d`, `wait`, `logs`, `rm`.
    fn detached(&mut self, name: &str, code: u64) -> Result<()> {
        let pause = self.random.below(200_000);
        let script = format!("echo out {name}; usleep {pause}; exit {code}");
        let run = self.world.run(&["run", "-d", "--name", name, self.image, "sh", "-c", &script])?;
        self.judge_start(name, &run);
        self.world.count("run -d", 1);
        let state = self.world.insist(&["inspect", "--format", "{{.State.Status}}", name], is_missing)?;
        match state.out.trim() {
            "" if run.ok() => self.world.fault(format!("{name} has vanished")),
            "" => return Ok(()),
            "created" if run.ok() => self.world.fault(format!("{name} was started and is \"created\"")),
            "created" => {}
            _ => {
                let end = self.world.insist(&["wait", name], is_missing)?;
                self.judge_code(name, end.out.trim(), code);
                self.expect_log(name, &format!("out {name}\n"))?;
            }
        }
        self.remove(name)
    }

    /// `run --rm`, with its output.
    fn foreground(&mut self, name: &str, code: u64) -> Result<()> {
        let pause = self.random.below(20_000);
        let script =
            format!("i=0; while [ $i -lt 10 ]; do echo {name} $i; i=$((i+1)); usleep {pause}; done; exit {code}");
        let keepers = self.world.deaths_of_keeper();
        let run = self.world.run(&["run", "--rm", "--name", name, self.image, "sh", "-c", &script])?;
        self.world.count("run --rm", 1);
        let keepers = self.world.deaths_of_keeper() - keepers;
        let expected: String = (0..10).map(|line| format!("{name} {line}\n")).collect();
        if run.calm || run.code == i32::try_from(code)? {
            self.judge_code(name, &run.code.to_string(), code);
            if !is_complete(&run, &expected) {
                let what = format!("run --rm {name}: output lost or doubled, {keepers} keepers died: {}", run.said());
                self.world.fault(what);
            }
        } else if is_code(&run) {
            self.world.fault(format!("run --rm {name}: wrong exit code, not {code}: {}", run.said()));
        }
        self.expect_removal(name)
    }

    /// A container that has ended and was to be removed is; one that has never run may be there.
    fn expect_removal(&self, name: &str) -> Result<()> {
        let begin = Instant::now();
        loop {
            let state = self.world.insist(&["inspect", "--format", "{{.State.Status}}", name], is_missing)?;
            match state.out.trim() {
                "" => return Ok(()),
                "created" => return self.remove(name),
                _ if begin.elapsed() < REMOVAL => std::thread::sleep(Duration::from_millis(20)),
                other => {
                    self.world.fault(format!("{name} is {other} and was to be removed after its end"));
                    return self.remove(name);
                }
            }
        }
    }

    /// `exec` in a container that runs all the time.
    fn exec(&mut self, name: &str, code: u64) -> Result<()> {
        let chosen = usize::try_from(self.random.below(self.chatty.len() as u64))?;
        let pause = self.random.below(50_000);
        let script = format!("echo {name}; usleep {pause}; echo end; exit {code}");
        let keepers = self.world.deaths_of_keeper();
        let exec = self.world.run(&["exec", &self.chatty[chosen], "sh", "-c", &script])?;
        self.world.count("exec", 1);
        let keepers = self.world.deaths_of_keeper() - keepers;
        if exec.calm || exec.code == i32::try_from(code)? {
            self.judge_code(&format!("exec {name}"), &exec.code.to_string(), code);
            if exec.out != format!("{name}\nend\n") {
                let what = format!("exec {name}: output lost or doubled, {keepers} keepers died: {}", exec.said());
                self.world.fault(what);
            }
        } else if is_code(&exec) {
            self.world.fault(format!("exec {name}: wrong exit code, not {code}: {}", exec.said()));
        }
        Ok(())
    }

    /// `create`, `start`, `stop`, `rm`.
    fn stopped(&mut self, name: &str, code: u64) -> Result<()> {
        let script = format!("trap 'exit {code}' TERM; echo ready; while :; do usleep 20000; done");
        let create = self.world.run(&["create", "--name", name, self.image, "sh", "-c", &script])?;
        self.world.count("create, start, stop, rm", 1);
        if !create.ok() {
            self.judge_start(name, &create);
            return self.remove(name);
        }
        self.world.insist(&["start", name], |_| false)?;
        let begin = Instant::now();
        while self.world.insist(&["logs", name], |_| false)?.out.is_empty() {
            if begin.elapsed() > REMOVAL {
                self.world.fault(format!("{name} was started and writes nothing"));
                return self.remove(name);
            }
        }
        self.world.insist(&["stop", "--timeout", "30", name], |_| false)?;
        let end = self.world.insist(&["inspect", "--format", "{{.State.ExitCode}}", name], |_| false)?;
        self.judge_code(name, end.out.trim(), code);
        self.expect_log(name, "ready\n")?;
        self.remove(name)
    }

    /// What only reads.
    fn look(&mut self) -> Result<()> {
        let chosen = usize::try_from(self.random.below(self.chatty.len() as u64))?;
        let name = self.chatty[chosen].clone();
        let state = self.world.insist(&["inspect", "--format", "{{.State.Status}}", &name], |_| false)?;
        if state.out.trim() != "running" {
            self.world.fault(format!("{name} is shown as {:?}", state.out.trim()));
        }
        let shown = self.world.insist(&["ps", "--format", "{{.Names}}"], |_| false)?;
        for chatty in &self.chatty {
            if shown.ok() && !shown.out.lines().any(|line| line == chatty) {
                self.world.fault(format!("{chatty} is not shown by ps"));
            }
        }
        let logs = self.world.insist(&["logs", "--tail", "5", &name], |_| false)?;
        let numbers: Vec<u64> = logs.out.lines().filter_map(|l| l.strip_prefix("line ")?.parse().ok()).collect();
        if logs.ok() && numbers.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
            self.world.fault(format!("logs --tail of {name}: {numbers:?}"));
        }
        self.world.count("inspect, ps, logs", 1);
        Ok(())
    }

    /// The death of a keeper is no reason for a client's failure; the daemon's is.
    fn judge_start(&self, name: &str, outcome: &Outcome) {
        if !outcome.ok() && outcome.calm {
            self.world.fault(format!("{name} was not started, and the daemon lived: {}", outcome.said()));
        }
    }

    fn judge_code(&self, name: &str, seen: &str, code: u64) {
        self.world.count("exit codes checked", 1);
        if seen == UNKNOWN {
            eprintln!("unknown exit: {name}");
            self.world.count("exit codes unknown", 1);
        } else if seen != code.to_string() {
            self.world.fault(format!("{name} ended with {seen:?} instead of {code}"));
        }
    }

    fn expect_log(&self, name: &str, expected: &str) -> Result<()> {
        let logs = self.world.insist(&["logs", name], |_| false)?;
        if logs.out != expected {
            self.world.fault(format!("{name} has the log {:?} instead of {expected:?}", logs.out));
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.world.insist(&["rm", "-f", name], is_missing).map(drop)
    }
}

/// Whether this exit code can only be a program's.
fn is_code(outcome: &Outcome) -> bool {
    u64::try_from(outcome.code).is_ok_and(|code| CODES.contains(&code))
}

/// Whether a command line's output is what it should be. Of who says to have been cut off by the daemon's death it is what
/// came before.
fn is_complete(outcome: &Outcome, expected: &str) -> bool {
    let is_cut = !outcome.calm && outcome.err.contains(CUT);
    if is_cut { expected.starts_with(&outcome.out) } else { outcome.out == expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_cut_off_may_lack_output() {
        let outcome = |out: &str, err: &str, calm| Outcome { code: 7, out: out.into(), err: err.into(), calm };
        let warning = "the engine was restarted meanwhile: some output may be missing";
        assert!(is_complete(&outcome("a\nb\n", "", true), "a\nb\n"));
        assert!(!is_complete(&outcome("a\n", "", false), "a\nb\n"));
        assert!(!is_complete(&outcome("a\n", warning, true), "a\nb\n"));
        assert!(is_complete(&outcome("a\n", warning, false), "a\nb\n"));
        assert!(!is_complete(&outcome("a\na\n", warning, false), "a\nb\n"));
    }
}
