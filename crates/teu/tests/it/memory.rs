//! What an engine holds of memory that is its own, not pages of the executable: each process for what it is there for.

use crate::support::{BUSYBOX, engine};
use teu_testkit::engine::keeper_pid;

/// A field of a process's status, in KiB or as a number.
fn status(pid: u32, key: &str) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("{pid} has no {key}"));
    line.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

/// The bounds are four times what is usual: a parser of command lines, a runtime with threads or a leaked buffer for
/// each container would break them.
#[test]
fn keeper_and_guardian_hold_next_to_nothing() {
    let Some(engine) = engine() else { return };
    for _ in 0..20 {
        engine.run(&["run", "--rm", BUSYBOX, "true"]).unwrap();
    }
    let keeper = keeper_pid(&engine.host).unwrap().expect("a keeper");
    let guardian = status(keeper, "PPid:");
    assert_eq!([status(keeper, "Threads:"), status(guardian, "Threads:")], [1, 1]);
    let held = [status(keeper, "RssAnon:"), status(guardian, "RssAnon:")];
    assert!(held[0] < 1600, "the keeper holds {} KiB", held[0]);
    assert!(held[1] < 800, "the guardian holds {} KiB", held[1]);
}
