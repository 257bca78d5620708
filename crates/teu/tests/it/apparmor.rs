//! AppArmor profiles, where the kernel enforces them, and what is left of them where it does not.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};

const CURRENT: &str = "cat /proc/self/attr/current";
const CONFINED: &str = "docker-default (enforce)\n";
const PROFILE: &str = "{{.AppArmorProfile}}";

/// Whether the kernel enforces profiles.
fn enforced() -> bool {
    std::fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

#[test]
fn containers_run_under_the_default_profile() {
    let Some(engine) = engine().filter(|_| enforced()) else { return };
    let flags: [&[&str]; 6] =
        [&[], &["-u", "nobody"], &["--init"], &["-t"], &["--security-opt", "no-new-privileges"], &["--read-only"]];
    for flags in flags {
        assert_eq!(sh(&engine, flags, CURRENT).replace('\r', ""), CONFINED, "{flags:?}");
    }
    let info = engine.run(&["info", "--format", "{{json .SecurityOptions}} {{json .Warnings}}"]).unwrap();
    assert!(info.contains("\"name=apparmor\"") && !info.contains("AppArmor profile"), "{info}");
    let loaded = std::fs::read_to_string("/sys/kernel/security/apparmor/profiles").unwrap();
    assert!(loaded.contains(CONFINED), "{loaded}");
}

#[test]
fn execs_run_under_their_containers_profile() {
    let Some(engine) = engine().filter(|_| enforced()) else { return };
    for (flags, expected) in [(&[][..], CONFINED), (&["--security-opt", "apparmor=unconfined"], "unconfined\n")] {
        engine.run(&[&["run", "-d", "--name", "box"], flags, &[BUSYBOX, "sleep", "1000"]].concat()).unwrap();
        assert_eq!(inspect(&engine, "box", PROFILE), expected.split_whitespace().next().unwrap());
        for more in [&[][..], &["-u", "nobody"], &["--privileged"]] {
            let exec = [&["exec"], more, &["box", "sh", "-c", CURRENT]].concat();
            assert_eq!(outcome(&engine, &exec), (0, expected.to_owned(), String::new()), "{more:?}");
        }
        // The engine looks into it and ends it: both are the profile's to allow.
        assert!(engine.run(&["top", "box"]).unwrap().contains("sleep 1000"));
        engine.run(&["cp", "box:/bin/busybox", &engine.host.path("copy").display().to_string()]).unwrap();
        engine.run(&["kill", "box"]).unwrap();
        engine.run(&["rm", "box"]).unwrap();
    }
}

/// With all privileges, so that nothing else denies it.
#[test]
fn the_profile_denies_what_is_the_machines() {
    let Some(engine) = engine().filter(|_| enforced()) else { return };
    let script = "
        try() { if (eval \"$2\") >/dev/null 2>&1; then echo $1; fi; }
        try mount 'mount -t tmpfs none /tmp'
        try sysrq 'echo h >/proc/sysrq-trigger'
        try vm 'cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness'
        try kernel 'cat /proc/sys/kernel/panic >/proc/sys/kernel/panic'
        try kcore 'head -c 1 /proc/kcore'
        try sys 'cat /sys/kernel/mm/ksm/run >/sys/kernel/mm/ksm/run'
        echo 500 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj
        cat /proc/sys/kernel/shmmni >/proc/sys/kernel/shmmni && echo shm
        sleep 1000 & kill $! && echo killed";
    let confined = sh(&engine, &["--privileged", "--security-opt", "apparmor=docker-default"], script);
    assert_eq!(confined, "500\nshm\nkilled\n");
    let all = sh(&engine, &["--privileged"], &format!("{CURRENT}; {script}"));
    assert_eq!(all, "unconfined\nmount\nsysrq\nvm\nkernel\nkcore\nsys\n500\nshm\nkilled\n");
}

#[test]
fn profiles_that_are_asked_for() {
    let Some(engine) = engine().filter(|_| enforced()) else { return };
    assert_eq!(sh(&engine, &["--security-opt", "apparmor=unconfined"], CURRENT), "unconfined\n");
    let (code, _, error) =
        outcome(&engine, &["run", "--name", "box", "--security-opt", "apparmor=teu-none", BUSYBOX, "true"]);
    assert!(error.contains("apply AppArmor profile \"teu-none\": it is not loaded"), "{error}");
    assert_eq!(code, 125);
    assert_eq!(inspect(&engine, "box", PROFILE), "teu-none");
}

#[test]
fn without_apparmor_no_profile_is_pretended() {
    let Some(engine) = engine().filter(|_| !enforced()) else { return };
    assert_eq!(sh(&engine, &["--security-opt", "apparmor=unconfined"], "echo runs"), "runs\n");
    let (code, _, error) =
        outcome(&engine, &["run", "--rm", "--security-opt", "apparmor=docker-default", BUSYBOX, "true"]);
    assert_eq!(code, 125);
    assert!(error.contains("AppArmor profile \"docker-default\" is asked for, but AppArmor is not enabled"), "{error}");
    engine.run(&["create", "--name", "box", BUSYBOX]).unwrap();
    assert_eq!(inspect(&engine, "box", PROFILE), "");
    assert!(!engine.run(&["info"]).unwrap().contains("apparmor"));
}
