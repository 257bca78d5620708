//! What a keeper costs: printed, and bounded where it matters.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use teu_keeper::protocol::ExitStatus;

use crate::bench::Bench;

/// A line of `/proc/<pid>/status` in KiB.
fn status(pid: i32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_and_descriptors_of_many_containers() {
    const MANY: usize = 200;
    let bench = Bench::new();
    let pid = bench.keeper_pid();
    let descriptors = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    bench.run("first", "echo hi; exec sleep 1000");
    crate::bench::until("it has written", || bench.logged("first", "stdout") == "hi\n");
    let before = (status(pid, "RssAnon"), descriptors());
    for n in 0..MANY {
        drop(bench.run(&format!("c{n}"), "exec sleep 1000"));
    }
    let after = (status(pid, "RssAnon"), descriptors());
    eprintln!(
        "resident {} KiB, private {} KiB, of {MANY} containers {} KiB and {} descriptors",
        status(pid, "VmRSS"),
        after.0,
        after.0 - before.0,
        after.1 - before.1
    );
    assert!(after.0 - before.0 < 10 * MANY as u64, "ten KiB for each");
    assert!(after.1 - before.1 <= 4 * MANY, "2,500 containers must fit into 20,000 descriptors");
}

#[test]
fn a_million_lines() {
    million(|lines| format!("yes {} | head -n {lines}", "x".repeat(99)));
}

/// Each line is a write of its own.
#[test]
fn a_million_lines_one_by_one() {
    million(|lines| format!("stdbuf -oL seq -f %099.0f {lines}"));
}

/// A million lines of 100 bytes, or as many as the machine, which may be emulated, is expected to take in [`LIMIT`].
fn million(script: impl Fn(u32) -> String) {
    const LIMIT: Duration = Duration::from_secs(8);
    const SAMPLE: u32 = 20_000;
    let bench = Bench::new();
    let sample = logged(&bench, "sample", SAMPLE, &script);
    let lines = (LIMIT.as_secs_f64() / sample.as_secs_f64() * f64::from(SAMPLE)).clamp(f64::from(SAMPLE), 1e6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let lines = lines as u32;
    eprintln!("{lines} lines of 100 bytes: {:?}", logged(&bench, "c", lines, &script));
}

/// How long a container with so many lines took; they must all be in its log.
fn logged(bench: &Bench, id: &str, lines: u32, script: impl Fn(u32) -> String) -> Duration {
    let begin = Instant::now();
    bench.run(id, &script(lines));
    assert_eq!(bench.wait(id), ExitStatus::Exited(0));
    let taken = begin.elapsed();
    let log = BufReader::new(File::open(bench.log_path(id)).unwrap());
    let mut entries = 0;
    for entry in log.split(b'\n').map(Result::unwrap) {
        assert!(entry.starts_with(b"{\"log\":\"") && entry.ends_with(b"Z\"}"), "{}", entry.escape_ascii());
        assert_eq!(entry[8..].iter().position(|b| *b == b'\\'), Some(99), "{}", entry.escape_ascii());
        entries += 1;
    }
    assert_eq!(entries, lines);
    taken
}
