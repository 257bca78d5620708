//! `update`: limits of a running container, and what a later start has of them.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};

const LIMIT: &str = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
const PIDS: &str = "cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max";
const QUOTA: &str = "cat /sys/fs/cgroup/cpu.max 2>/dev/null | cut -d' ' -f1 || true; \
                     cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || true";

#[test]
fn limits_change_at_once_and_for_good() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "web", "-m", "64m", BUSYBOX, "sleep", "1000"]).unwrap();
    let cat =
        |engine: &teu_testkit::engine::Engine, script: &str| engine.run(&["exec", "web", "sh", "-c", script]).unwrap();
    assert_eq!(cat(&engine, LIMIT), "67108864\n");
    let flags = ["update", "-m", "32m", "--memory-swap", "48m", "--pids-limit", "33", "--cpus", "0.5", "web"];
    assert_eq!(engine.run(&flags).unwrap(), "web\n");
    assert_eq!((cat(&engine, LIMIT), cat(&engine, PIDS)), ("33554432\n".into(), "33\n".into()));
    assert_eq!(cat(&engine, QUOTA), "50000\n");
    // Up again, past the old limit of memory and swap together.
    engine.run(&["container", "update", "-m", "128m", "--memory-swap", "256m", "web"]).unwrap();
    assert_eq!(cat(&engine, LIMIT), "134217728\n");
    engine.run(&["update", "--restart", "on-failure:3", "web"]).unwrap();
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    let format =
        "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}";
    assert_eq!(inspect(&engine, "web", format), "134217728 500000000 33 on-failure");
    engine.run(&["restart", "-t", "0", "web"]).unwrap();
    assert_eq!((cat(&engine, LIMIT), cat(&engine, PIDS)), ("134217728\n".into(), "33\n".into()));
}

#[test]
fn what_is_refused_changes_nothing() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--name", "web", "-m", "64m", "--cpu-period", "50000", BUSYBOX, "true"]).unwrap();
    let refused = |flags: &[&str], text: &str| {
        let (code, out, err) = outcome(&engine, &[&["update"], flags, &["web"]].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{flags:?}");
        assert!(err.contains(text), "{flags:?}: {err}");
    };
    refused(&["-m", "1g"], "Memory limit should be smaller than already set memoryswap limit");
    refused(&["-m", "1m"], "Minimum memory limit allowed is 6MB");
    refused(&["--cpus", "1"], "Nano CPUs cannot be updated as CPU Period has already been set");
    refused(&["--cpu-shares", "-1"], "exit status 1: the maximum allowed cpu-shares is 262144");
    refused(&["--restart", "sometimes"], "invalid restart policy: unknown policy 'sometimes'");
    refused(&[], "you must provide one or more flags when using this command");
    assert_eq!(inspect(&engine, "web", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}"), "67108864 134217728");
    let (code, _, err) = outcome(&engine, &["update", "-m", "32m", "nosuch"]);
    assert_eq!(code, 1);
    assert!(err.contains("No such container: nosuch"), "{err}");
}

#[test]
fn a_later_limit_of_memory_is_watched() {
    let Some(engine) = engine() else { return };
    let greedy =
        "while test ! -e /go; do sleep 0.05; done; head -c 100000000 /dev/zero | tail >/dev/null; exec sleep 1000";
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sh", "-c", greedy]).unwrap();
    engine.run(&["update", "--memory", "16m", "--memory-swap", "16m", "box"]).unwrap();
    engine.run(&["exec", "box", "touch", "/go"]).unwrap();
    let told =
        ["events", "--since", "1h", "--filter", "container=box", "--filter", "event=oom", "--format", "{{.Action}}"];
    let (mut events, mut lines) = engine.follow(&told).unwrap();
    assert_eq!(lines.next().as_deref(), Some("oom"));
    events.kill().unwrap();
    events.wait().unwrap();
}

#[test]
fn odd_parents_stay_in_the_hierarchy() {
    let Some(engine) = engine() else { return };
    let name = engine.host.directory().file_name().unwrap().to_str().unwrap().to_owned();
    let script = "grep -E ':memory:|^0::' /proc/self/cgroup | head -1 | cut -d: -f3";
    for parent in ["x/../../%/odd", "/%//odd/", "../%/odd/."] {
        let parent = parent.replace('%', &name);
        let path = sh(&engine, &["--cgroup-parent", &parent, "--cgroupns=host"], script);
        assert!(path.starts_with(&format!("/{name}/odd/")), "{parent}: {path}");
    }
    let (_, _, err) = outcome(&engine, &["run", "--rm", "--device-read-bps", "/dev/nosuch:1mb", BUSYBOX, "true"]);
    assert!(err.contains("stat /dev/nosuch: no such file or directory"), "{err}");
}
