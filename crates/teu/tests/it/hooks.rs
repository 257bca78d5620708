//! Hooks that take their time, and a keeper that hangs in one.

use crate::support::{BUSYBOX, busybox, feed, inspect, outcome};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_testkit::engine::{Engine, keeper_pid};
use teu_testkit::host::privileged;

/// An engine whose containers with a certain device have a hook that sleeps, and short time limits.
fn engine(folder: &Path, sleep: u32, hooks_patience: u32) -> Engine {
    let program = folder.join("teu");
    let script = format!(
        "#!/bin/sh\nexport TEU_KEEPER_PATIENCE=5 TEU_HOOKS_PATIENCE={hooks_patience}\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_teu")
    );
    teu_testkit::executable::write(&program, script).unwrap();
    let hook = format!(r#"{{"hookName": "createRuntime", "path": "/bin/sleep", "args": ["sleep", "{sleep}"]}}"#);
    let edits = format!(r#"{{"hooks": [{hook}]}}"#);
    let spec = format!(
        r#"{{"cdiVersion": "0.6.0", "kind": "example.com/hook", "devices": [{{"name": "slow", "containerEdits": {edits}}}]}}"#
    );
    fs::write(folder.join("hook.json"), spec).unwrap();
    let engine = Engine::start(&program, &["--cdi-spec-dir", folder.to_str().unwrap()]).unwrap();
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    engine.run(&["run", "-d", "--name", "other", BUSYBOX, "sleep", "1000"]).unwrap();
    engine
}

const DEVICE: [&str; 2] = ["--device", "example.com/hook=slow"];

#[test]
fn a_keeper_that_waits_for_a_hook_is_left_alone() {
    if !privileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), 13, 60);
    let keeper = keeper_pid(&engine.host).unwrap();
    let arguments = [&["run", "--rm"], &DEVICE[..], &[BUSYBOX, "echo", "on"]].concat();
    let (code, out, err) = outcome(&engine, &arguments);
    assert_eq!((code, out.as_str()), (0, "on\n"), "{err}");
    assert_eq!(keeper_pid(&engine.host).unwrap(), keeper, "it was not killed");
}

#[test]
fn a_keeper_that_hangs_is_replaced() {
    if !privileged() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), 1000, 5);
    let (keeper, pid) = (keeper_pid(&engine.host).unwrap(), inspect(&engine, "other", "{{.State.Pid}}"));
    let arguments = [&["run", "--name", "hangs"], &DEVICE[..], &[BUSYBOX, "true"]].concat();
    let begin = Instant::now();
    // A start that makes one hang is not tried for ever: all others wait meanwhile.
    let (code, _, err) = outcome(&engine, &arguments);
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("the keeper died before it answered"), "{err}");
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    let log = fs::read_to_string(engine.host.path("daemon.log")).unwrap();
    assert_eq!(log.matches("hangs and was killed").count(), 2);
    assert_ne!(keeper_pid(&engine.host).unwrap(), keeper);
    assert_eq!(inspect(&engine, "other", "{{.State.Status}} {{.State.Pid}}"), format!("running {pid}"));
}
