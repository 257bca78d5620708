//! P9: a million lines through the default log driver, and back.

use crate::Settings;
use crate::subject::{IMAGE, Subject, time};
use crate::table::{self, Row};
use anyhow::{Result, ensure};
use std::fmt::Write as _;

const LINES: usize = 1_000_000;
const CONTAINER: &str = "teu-bench-logs";

/// A container that writes the lines and ends, from `run -d` until its exit is known; then `logs` of it.
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
            let begin = std::time::Instant::now();
            subject.run(&["run", "-d", "--name", CONTAINER, "-v", &volume, IMAGE, "cat", "/lines"])?;
            let code = subject.run(&["wait", CONTAINER])?;
            let elapsed = begin.elapsed();
            ensure!(code == "0", "{}: the container ended with {code}", subject.name());
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

/// Lines of 100 bytes, each with its number.
fn lines() -> String {
    let mut lines = String::with_capacity(LINES * 100);
    for number in 0..LINES {
        // A string takes it.
        let _ = writeln!(lines, "{number:07} {:-<91}", "a line of a log, such as a web server writes ");
    }
    lines
}

/// The log ends with the last line, and a driver that rotates has kept at least what it promises.
fn check(subject: &Subject) -> Result<()> {
    let last = subject.run(&["logs", "--tail", "1", CONTAINER])?;
    ensure!(last.starts_with("0999999 "), "{}: the log ends with {last}", subject.name());
    Ok(())
}
