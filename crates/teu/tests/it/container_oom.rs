//! Containers that run out of memory.

use crate::support::{BUSYBOX, engine, inspect, outcome};

/// Takes more memory than there is, in processes that go before all others: the kernel passes over a victim before all of
/// its memory is free, and who asks for a page meanwhile costs another life.
const GREEDY: &str = "(echo 1000 >/proc/self/oom_score_adj; head -c 100000000 /dev/zero | tail >/dev/null)";

#[test]
fn it_is_told_when_it_happens() {
    let Some(engine) = engine() else { return };
    let (mut events, mut lines) = engine
        .follow(&[
            "events",
            "--since",
            "1h",
            "--filter",
            "container=box",
            "--format",
            "{{.Action}}",
            "--filter",
            "event=oom",
            "--filter",
            "event=die",
        ])
        .unwrap();
    // Children are killed, and their parent goes on.
    let script = format!("{GREEDY}; echo done; exec sleep 1000");
    engine.run(&["run", "-d", "--name", "box", "-m", "16m", BUSYBOX, "sh", "-c", &script]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("oom"));
    assert_eq!(inspect(&engine, "box", "{{.State.OOMKilled}} {{.State.Running}}"), "true true");
    let (mut logs, mut said) = engine.follow(&["logs", "-f", "box"]).unwrap();
    assert_eq!(said.next().as_deref(), Some("done"));
    // How often the kernel did it: where a processor is slow to free memory it takes another process, too.
    let count = "cd /sys/fs/cgroup; cat memory.events memory/memory.oom_control 2>/dev/null || true";
    let counters = engine.run(&["exec", "box", "sh", "-c", count]).unwrap();
    let kills =
        counters.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse::<usize>().ok()).expect("a counter");
    engine.run(&["kill", "box"]).unwrap();
    let told: Vec<_> = (1..kills).filter_map(|_| lines.next()).collect();
    assert!(told.iter().all(|action| action == "oom"), "{told:?} after {kills} kills");
    assert_eq!(lines.next().as_deref(), Some("die"), "each is told once: {kills} kills");
    assert_eq!(inspect(&engine, "box", "{{.State.OOMKilled}}"), "true");
    for follower in [&mut events, &mut logs] {
        follower.kill().unwrap();
        follower.wait().unwrap();
    }
}

#[test]
fn the_first_process_is_hit() {
    let Some(engine) = engine() else { return };
    let run = ["run", "--name", "box", "-m", "16m", BUSYBOX, "sh", "-c", "exec tail /dev/zero"];
    let (code, _, _) = outcome(&engine, &run);
    assert_eq!(code, 137);
    assert_eq!(inspect(&engine, "box", "{{.State.OOMKilled}} {{.State.ExitCode}}"), "true 137");
    let events = engine
        .run(&["events", "--since", "1h", "--until", "0s", "--filter", "container=box", "--format", "{{.Action}}"])
        .unwrap();
    let told: Vec<_> = events.lines().filter(|line| ["oom", "die"].contains(line)).collect();
    assert_eq!(told, ["oom", "die"]);
    // Of the next run it is not said.
    engine.run(&["rm", "box"]).unwrap();
    engine.run(&["run", "--name", "box", "-m", "16m", BUSYBOX, "true"]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.OOMKilled}}"), "false");
}
