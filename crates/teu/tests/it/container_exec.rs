//! `exec` into running containers.

use crate::support::{BUSYBOX, engine, feed, outcome, text};

#[test]
fn a_process_more() {
    let Some(engine) = engine() else { return };
    engine
        .run(&["run", "-d", "--name", "box", "-e", "COLOUR=blue", "--hostname", "inner", BUSYBOX, "sleep", "1000"])
        .unwrap();
    assert_eq!(engine.run(&["exec", "box", "hostname"]).unwrap(), "inner\n");
    assert_eq!(engine.run(&["exec", "-e", "MORE=1", "box", "sh", "-c", "echo $COLOUR $MORE"]).unwrap(), "blue 1\n");
    assert_eq!(
        engine.run(&["exec", "-w", "/tmp", "-u", "nobody", "box", "sh", "-c", "pwd; id -u"]).unwrap(),
        "/tmp\n65534\n"
    );
    let (code, out, err) = outcome(&engine, &["exec", "box", "sh", "-c", "echo o; echo e >&2; exit 9"]);
    assert_eq!((code, out.as_str(), err.as_str()), (9, "o\n", "e\n"));
    let output = feed(engine.teu().args(["exec", "-i", "box", "cat"]), b"through");
    assert_eq!(text(&output.stdout), "through");
    // The container's first process is number 1 for the new one, too, and both are confined alike.
    assert_eq!(engine.run(&["exec", "box", "cat", "/proc/1/comm"]).unwrap(), "sleep\n");
    let status = "grep -E '^(CapEff|Seccomp):' /proc/1/status /proc/self/status | cut -d: -f2-";
    let lines = engine.run(&["exec", "box", "sh", "-c", status]).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!((lines.len(), &lines[..2]), (4, &lines[2..]));
}

#[test]
fn what_cannot_be_executed() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    assert_eq!(outcome(&engine, &["exec", "box", "nosuch"]).0, 127);
    assert_eq!(outcome(&engine, &["exec", "box", "/etc/passwd"]).0, 126);
    let (code, _, err) = outcome(&engine, &["exec", "nobox", "true"]);
    assert_eq!(code, 1);
    assert!(err.contains("No such container: nobox"), "{err}");
    engine.run(&["kill", "box"]).unwrap();
    engine.run(&["wait", "box"]).unwrap();
    let (code, _, err) = outcome(&engine, &["exec", "box", "true"]);
    assert_eq!(code, 1);
    assert!(err.contains("is not running"), "{err}");
}

#[test]
fn detached_processes_end_with_the_container() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["exec", "-d", "box", "sh", "-c", "echo started >/tmp/flag; exec sleep 999"]).unwrap();
    let script = "until [ -f /tmp/flag ]; do :; done; cat /tmp/flag";
    assert_eq!(engine.run(&["exec", "box", "sh", "-c", script]).unwrap(), "started\n");
    let top = engine.run(&["top", "box"]).unwrap();
    assert!(top.contains("sleep 1000") && top.contains("sleep 999"), "{top}");
    engine.run(&["rm", "-f", "box"]).unwrap();
    assert_eq!(engine.host.sh("ps -eo args | grep -c '[s]leep 999' || true").unwrap(), "0\n");
}
