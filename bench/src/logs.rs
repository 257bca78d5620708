//! P9: a million lines through the default log driver, and back.

use crate::Settings;
use crate::subject::{IMAGE, Subject, time};
use crate::table::{self, Row};
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const LINES: usize = 1_000_000;
const CONTAINER: &str = "teu-bench-logs";

/// What lets a log grow to hold all lines: ours rotates by default.
const WHOLE: [&str; 2] = ["--log-opt", "max-size=1g"];

/// A container that writes the lines and ends, from `run -d` until its exit is known; then `logs` of one that has kept
/// all of them.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let subjects = Subject::all(settings)?;
    let folder = tempfile::Builder::new().prefix("teu-bench-logs-").tempdir()?;
    let file = folder.path().join("lines");
    std::fs::write(&file, lines())?;
    let volume = format!("{}:/lines:ro", file.display());
    let mut written: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    let mut read: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    for turn in 0..=settings.runs {
        for (number, subject) in subjects.iter().enumerate() {
            let elapsed = write(subject, &volume, &[])?;
            subject.run(&["rm", CONTAINER])?;
            write(subject, &volume, &WHOLE)?;
            let again = time(subject.command(&["logs", CONTAINER]))?;
            if turn == 0 {
                check(subject)?;
            } else {
                written[number].time(elapsed);
                read[number].time(again);
            }
            subject.run(&["rm", CONTAINER])?;
        }
    }
    table::print("P9: 1,000,000 lines (100 MB) through the default log driver", "ms", &written);
    table::print("P9: `logs` of the same", "ms", &read);
    Ok(())
}

/// Runs the container to its end.
fn write(subject: &Subject, volume: &str, options: &[&str]) -> Result<Duration> {
    let begin = Instant::now();
    let first = ["run", "-d", "--name", CONTAINER, "-v", volume];
    subject.run(&[&first, options, &[IMAGE, "cat", "/lines"]].concat())?;
    let code = subject.run(&["wait", CONTAINER])?;
    ensure!(code == "0", "{}: the container ended with {code}", subject.name());
    Ok(begin.elapsed())
}

/// Lines of 100 bytes, each with its number.
fn lines() -> String {
    let mut lines = String::with_capacity(LINES * 100);
    for number in 0..LINES {
        // A string takes it.
        let _ = writeln!(lines, "{number:07} {:-<91}", "a line of a log, such as a web server writes ");
    }
    lines
}

/// The log has every line.
fn check(subject: &Subject) -> Result<()> {
    let all = subject.run(&["logs", CONTAINER])?;
    let last = all.lines().last().unwrap_or_default();
    ensure!(last.starts_with("0999999 "), "{}: the log ends with {last}", subject.name());
    ensure!(all.lines().count() == LINES, "{}: {} lines", subject.name(), all.lines().count());
    Ok(())
}
