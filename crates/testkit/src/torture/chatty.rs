//! Containers that write numbered lines all the time.

use super::client::World;
use crate::random::Random;
use anyhow::{Context as _, Result, ensure};
use std::io::{BufRead as _, BufReader, Read};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Ten lines every tenth of a second, then an exit code.
const SCRIPT: &str = "i=0; while [ ! -f /tmp/stop ]; do n=$((i+10)); while [ $i -lt $n ]; do echo line $i; i=$((i+1)); done; \
                      usleep 100000; done; echo end $i; exit 33";
/// What the script exits with.
const CODE: &str = "33";
const RUN: &str = "{{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}";

/// One of them.
pub(super) struct Chatty {
    pub(super) name: String,
    /// Its process and the time of its start.
    run: String,
}

impl Chatty {
    pub(super) fn start(world: &World, number: usize, image: &str) -> Result<Self> {
        let name = format!("chatty-{number}");
        let outcome =
            world.run(&["run", "-d", "--name", &name, "--log-opt", "max-size=-1", image, "sh", "-c", SCRIPT])?;
        ensure!(outcome.ok(), "{name}: {}", outcome.said());
        let run = inspect(world, &name, RUN)?;
        Ok(Self { name, run })
    }

    /// Has it end, and looks whether it ran through, with every line in its log once.
    pub(super) fn finish(&self, world: &World) -> Result<()> {
        let name = &self.name;
        let run = inspect(world, name, RUN)?;
        if run != self.run {
            world.fault(format!("{name} was stopped: {} became {run}", self.run));
        }
        world.insist(&["exec", name, "touch", "/tmp/stop"], |_| false)?;
        let code = world.insist(&["wait", name], |_| false)?;
        if code.out.trim() != CODE {
            world.fault(format!("{name} ended with {:?} instead of {CODE}", code.out.trim()));
        }
        let status = inspect(world, name, "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}")?;
        if status != format!("exited {CODE} 0") {
            world.fault(format!("{name} is {status:?} instead of \"exited {CODE} 0\""));
        }
        let logs = world.insist(&["logs", name], |_| false)?;
        match check(&logs.out) {
            Ok(lines) => world.count("lines in logs", lines),
            Err(error) => world.fault(format!("{name}: {error:#}")),
        }
        Ok(())
    }
}

fn inspect(world: &World, name: &str, format: &str) -> Result<String> {
    Ok(world.insist(&["inspect", "--format", format, name], |_| false)?.out.trim().to_owned())
}

/// Every line from 0 to the end, each once, then the end. Returns how many.
fn check(log: &str) -> Result<u64> {
    let mut expected = 0;
    let mut lines = log.lines();
    for line in &mut lines {
        if let Some(end) = line.strip_prefix("end ") {
            ensure!(end == expected.to_string(), "the log ends after {expected} lines with {line:?}");
            ensure!(lines.next().is_none(), "there is something after the end of the log");
            return Ok(expected);
        }
        ensure!(line == format!("line {expected}"), "the log has {line:?} in place of line {expected}");
        expected += 1;
    }
    anyhow::bail!("the log has no end after {expected} lines")
}

/// Attaches to one after the other, for a while each: what is seen has no gap and nothing twice, whenever a keeper dies.
pub(super) fn listen(world: &World, mut random: Random, containers: &[Chatty]) -> Result<()> {
    while !world.is_over() {
        let chosen = usize::try_from(random.below(containers.len() as u64))?;
        let name = &containers[chosen].name;
        let deaths = world.deaths_of_daemon();
        let keepers = world.deaths_of_keeper();
        let mut child =
            world.teu(&["attach", "--no-stdin", name]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        let until = Instant::now() + Duration::from_millis(500) + random.time(Duration::from_secs(3));
        let heard = hear(out, until);
        crate::engine::kill(child.id()).ok();
        child.wait()?;
        match heard {
            Ok(Heard { lines, ended }) => {
                world.count("attached: lines heard", lines);
                if ended && world.is_calm_since(deaths) {
                    let keepers = world.deaths_of_keeper() - keepers;
                    world.fault(format!(
                        "attached to {name}: ended by itself, {keepers} keepers died, the daemon lived"
                    ));
                }
            }
            Err(error) => world.fault(format!("attached to {name}: {error:#}")),
        }
        world.count("attached", 1);
        // No daemon: as a client does, wait a little before the next attempt.
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

struct Heard {
    lines: u64,
    /// The stream ended before it was let go.
    ended: bool,
}

/// Reads lines whose numbers must follow each other, until some time.
fn hear(out: impl Read, until: Instant) -> Result<Heard> {
    let mut out = BufReader::new(out);
    let mut next: Option<u64> = None;
    let mut heard = Heard { lines: 0, ended: false };
    while Instant::now() < until {
        let mut line = String::new();
        if out.read_line(&mut line)? == 0 || !line.ends_with('\n') {
            heard.ended = true;
            break;
        }
        let number = line.trim_end().strip_prefix("line ").and_then(|n| n.parse::<u64>().ok());
        match (number, next) {
            (Some(number), Some(expected)) => {
                ensure!(number == expected, "line {number} came in place of line {expected}");
                next = Some(number + 1);
            }
            (Some(number), None) => next = Some(number + 1),
            // It may have begun within a line.
            (None, None) => {}
            (None, Some(expected)) => anyhow::bail!("{line:?} came in place of line {expected}"),
        }
        heard.lines += 1;
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_and_doubled_lines_are_found() {
        assert_eq!(check("line 0\nline 1\nend 2\n").unwrap(), 2);
        for bad in ["", "line 0\n", "line 0\nline 0\nend 1\n", "line 1\nend 2\n", "line 0\nend 2\n", "end 0\nline 0\n"]
        {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(hear(&b"4\nline 5\nline 6\n"[..], later).unwrap().lines, 3);
        assert!(hear(&b"line 5\nline 7\n"[..], later).is_err());
        assert!(hear(&b"line 5\nline 5\n"[..], later).is_err());
    }
}
