//! P9: a million lines through the default log driver, and back.

use crate::Settings;
use crate::subject::{Subject, time};
use crate::table::{self, Row};
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use teu_testkit::image::Layer;

const LINES: usize = 1_000_000;
const CONTAINER: &str = "teu-bench-logs";
/// Has the lines as a file.
const LINES_IMAGE: &str = "teu-bench/lines:latest";

/// What lets a log grow to hold all lines: ours rotates by default.
const WHOLE: [&str; 2] = ["--log-opt", "max-size=1g"];

/// A container that writes the lines and ends, from `run -d` until its exit is known; then `logs` of one that has kept
/// all of them.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let subjects = Subject::all(settings)?;
    // In the image: a peer may not see this program's files.
    let layer = Layer::new().file("lines", 0o644, lines()).finish();
    let archive = teu_testkit::image::busybox(LINES_IMAGE)?.layer(layer).docker_archive();
    for subject in &subjects {
        subject.load(&archive)?;
    }
    drop(archive);
    let mut written: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    let mut read: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    for turn in 0..=settings.runs {
        for (number, subject) in subjects.iter().enumerate() {
            let elapsed = write(subject, &[])?;
            subject.run(&["rm", CONTAINER])?;
            write(subject, &WHOLE)?;
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
    for subject in &subjects {
        subject.run(&["rmi", LINES_IMAGE])?;
    }
    table::print("P9: 1,000,000 lines (100 MB) through the default log driver", "ms", &written);
    table::print("P9: `logs` of the same", "ms", &read);
    Ok(())
}

/// Runs the container to its end.
fn write(subject: &Subject, options: &[&str]) -> Result<Duration> {
    let begin = Instant::now();
    let first = ["run", "-d", "--name", CONTAINER];
    subject.run(&[&first, options, &[LINES_IMAGE, "cat", "/lines"]].concat())?;
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
