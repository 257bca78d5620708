//! What a keeper costs: printed, and bounded where it matters.

use std::fs;
use std::time::Instant;

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
    million(
        "yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -n 1000000",
    );
}

/// Each line is a write of its own.
#[test]
fn a_million_lines_one_by_one() {
    million("stdbuf -oL seq -f %099.0f 1000000");
}

fn million(script: &str) {
    let bench = Bench::new();
    let begin = Instant::now();
    bench.run("c", script);
    assert_eq!(bench.wait("c"), ExitStatus::Exited(0));
    eprintln!("a million lines of 100 bytes: {:?}", begin.elapsed());
    let log = fs::metadata(bench.log_path("c")).unwrap().len();
    let entry = fs::read_to_string(bench.log_path("c")).unwrap().lines().next().unwrap().len() as u64;
    // Times have up to nine digits, fewer if they end in zeros.
    assert!(log > 1_000_000 * (entry - 9) && log < 1_000_000 * (entry + 10), "{log} {entry}");
}
