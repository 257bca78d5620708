//! What a container may and may not do.

use crate::support::{BUSYBOX, engine, sh};
use teu_testkit::engine::{keeper_pid, kill};

/// Docker's 14 capabilities as a mask.
const DEFAULT: &str = "00000000a80425fb";

#[test]
fn the_default_profile_is_dockers() {
    let Some(engine) = engine() else { return };
    let status = "grep -E '^(CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d ' \\t'";
    let expected = format!(
        "CapInh:0000000000000000\nCapPrm:{DEFAULT}\nCapEff:{DEFAULT}\nCapBnd:{DEFAULT}\nCapAmb:0000000000000000\n\
         NoNewPrivs:0\nSeccomp:2\n"
    );
    assert_eq!(sh(&engine, &[], status), expected);
    let masked = "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls -A /proc/scsi /sys/firmware 2>/dev/null | grep -vc :";
    assert!(sh(&engine, &[], &format!("{masked}; true")).starts_with("0\n"));
    let readonly = "for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/profiling; do
        (echo x >$f) 2>/dev/null && echo wrote $f; done; true";
    assert_eq!(sh(&engine, &[], readonly), "");
    let forbidden =
        "unshare -m true 2>/dev/null && echo unshare; mount -t tmpfs x /tmp 2>/dev/null && echo mount; true";
    assert_eq!(sh(&engine, &[], forbidden), "");
}

#[test]
fn flags_change_the_profile() {
    let Some(engine) = engine() else { return };
    let effective = "grep CapEff /proc/self/status | tr -d ' \\t'";
    assert_eq!(sh(&engine, &["--cap-drop", "ALL"], effective), "CapEff:0000000000000000\n");
    let added = sh(&engine, &["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"], effective);
    assert_eq!(added, "CapEff:0000000000001000\n");
    let field = |name: &str| format!("grep ^{name}: /proc/self/status | cut -f2");
    assert_eq!(sh(&engine, &["--security-opt", "no-new-privileges"], &field("NoNewPrivs")), "1\n");
    assert_eq!(sh(&engine, &["--security-opt", "seccomp=unconfined"], &field("Seccomp")), "0\n");
    let privileged =
        sh(&engine, &["--privileged"], &format!("{}; mount -t tmpfs x /tmp && echo mounted", field("Seccomp")));
    assert_eq!(privileged, "0\nmounted\n");
    let script = "(echo x >/file) 2>/dev/null || echo refused";
    assert_eq!(sh(&engine, &["--read-only"], script), "refused\n");
    assert_eq!(sh(&engine, &["-u", "nobody"], effective), "CapEff:0000000000000000\n");
}

#[test]
fn what_hides_directories_is_shared_among_those_who_cannot_change_it() {
    let Some(engine) = engine() else { return };
    let found = |container: &str| engine.run(&["exec", container, "stat", "-c", "%d:%i", "/sys/firmware"]).unwrap();
    let start = |name: &str, flags: &[&str]| {
        let arguments = [&["run", "-d", "--name", name], flags, &[BUSYBOX, "sleep", "1000"]].concat();
        engine.run(&arguments).unwrap();
        found(name)
    };
    let first = start("first", &[]);
    assert_eq!(start("second", &["--cap-add", "NET_ADMIN"]), first);
    // A profile of AppArmor would forbid it to mount.
    let administers = ["--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"];
    assert_ne!(start("third", &administers), first);
    let script = "mount -o remount,rw /sys/firmware && touch /sys/firmware/file";
    engine.run(&["exec", "third", "sh", "-c", script]).unwrap();
    assert_eq!(engine.run(&["exec", "first", "ls", "/sys/firmware"]).unwrap(), "");
    // A keeper that takes over leaves to each container what it has.
    kill(keeper_pid(&engine.host).unwrap().expect("a keeper")).unwrap();
    assert_eq!((start("fourth", &[]), found("second")), (first.clone(), first));
    let groups = "ls /sys/fs/cgroup | wc -l; find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs | wc -l";
    let mounted = |name: &str| engine.run(&["exec", name, "sh", "-c", groups]).unwrap();
    assert_eq!((mounted("second"), mounted("fourth")), (mounted("third"), mounted("third")));
}

#[test]
fn a_container_sees_itself_only() {
    let Some(engine) = engine() else { return };
    assert!(sh(&engine, &[], "ls -d /proc/[0-9]* | wc -l").trim().parse::<u32>().unwrap() <= 4);
    let devices = sh(&engine, &[], "ls /dev | grep -v core | sort | tr '\\n' ' '");
    assert_eq!(devices, "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ");
    let descriptors = sh(&engine, &[], "ls /proc/self/fd | wc -l");
    assert_eq!(descriptors, "4\n", "0, 1, 2 and the one that ls reads with");
    let mounts = sh(&engine, &[], "cut -d' ' -f2 /proc/mounts | grep -c teu || true");
    assert_eq!(mounts, "0\n");
}
