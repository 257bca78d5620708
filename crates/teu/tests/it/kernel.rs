//! Kernels that lack something, as a filter plays them.

use crate::support::{BUSYBOX, engine_with, feed, outcome, sh, text};
use rustix::io::Errno;
use std::process::Command;
use teu_testkit::filter::{NEW_MOUNT_CALLS, without};
use teu_testkit::host::privileged;

#[test]
fn containers_run_without_the_call_for_attributes_of_mounts() {
    // Linux 5.2 to 5.11.
    let Some(engine) = without(&["mount_setattr"], Errno::NOSYS, || engine_with(&[])) else { return };
    engine.run(&["volume", "create", "data"]).unwrap();
    sh(&engine, &["-v", "data:/d"], "echo kept > /d/file");
    let script = "cat /d/file; touch /d/x /sys/x /x /run/x; cat /proc/kcore | wc -c";
    let flags = ["--read-only", "--tmpfs", "/run", "-v", "data:/d:ro", BUSYBOX, "sh", "-c", script];
    let (_, out, err) = outcome(&engine, &[&["run", "--name", "reader"], &flags[..]].concat());
    assert_eq!(out, "kept\n0\n", "{err}");
    for path in ["/d/x", "/sys/x", "/x"] {
        assert!(err.contains(&format!("touch: {path}: Read-only file system")), "{path}: {err}");
    }
    assert!(!err.contains("/run/x"), "{err}");
    // The files of a container that does not run are mounted by the engine.
    let copied = feed(engine.teu().args(["cp", "reader:/d/file", "-"]), b"");
    assert!(text(&copied.stdout).contains("kept"), "{}", text(&copied.stderr));
    let refused = feed(engine.teu().args(["cp", "-", "reader:/d"]), &copied.stdout);
    assert!(text(&refused.stderr).contains("read-only"), "{}", text(&refused.stderr));
}

#[test]
fn what_is_missing_is_named_at_the_start() {
    if !privileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_teu"));
    daemon.arg("daemon").arg("--data-root").arg(path("data")).arg("--exec-root").arg(path("run"));
    daemon.arg("--pidfile").arg(path("pid")).arg("--host").arg(format!("unix://{}", path("socket").display()));
    let mut runtime = Command::new(env!("CARGO_BIN_EXE_teu"));
    runtime.args(["runtime", "run", "--bundle"]).arg(folder.path()).arg("none");
    let fails = |command: &mut Command, calls: &[&str], words: &str| {
        let output = without(calls, Errno::NOSYS, || command.output().unwrap());
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
    };
    fails(&mut daemon, &["openat2"], "lacks openat2 of Linux 5.6");
    fails(&mut runtime, &["openat2"], "lacks openat2 of Linux 5.6");
    fails(&mut daemon, &NEW_MOUNT_CALLS, "refuses fsopen, open_tree or move_mount");
}
