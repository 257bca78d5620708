use rustix::io::Errno;
use serde_json::json;

use crate::support::{Bundle, possible};

#[test]
fn ids_groups_umask_and_home_are_set() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("id; umask; echo $HOME");
    std::fs::create_dir(bundle.rootfs().join("etc")).unwrap();
    std::fs::write(bundle.rootfs().join("etc/passwd"), "u:x:5:6::/home/u:/bin/sh\n").unwrap();
    bundle.config["process"]["user"] = json!({"uid": 5, "gid": 6, "additionalGids": [7, 8], "umask": 0o027});
    assert_eq!(bundle.output(), "uid=5(u) gid=6 groups=7,8\n0027\n/home/u");
}

#[test]
fn limits_are_set_and_those_that_cannot_be_are_errors() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("ulimit -n; ulimit -c");
    bundle.config["process"]["rlimits"] = json!([
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]);
    assert_eq!(bundle.output(), "100\n0");
    let sets = teu_sys::caps::get().unwrap();
    if !sets.effective.contains(teu_sys::caps::Capability::SYS_RESOURCE) {
        bundle.config["process"]["rlimits"] =
            json!([{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 4_000_000_000_000_u64}]);
        let error = bundle.failure();
        assert!(error.contains("set RLIMIT_NOFILE: operation not permitted"), "{error}");
    }
}

#[test]
fn the_score_is_lowered_only_as_far_as_allowed() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("cat /proc/self/oom_score_adj");
    bundle.config["process"]["oomScoreAdj"] = json!(300);
    assert_eq!(bundle.output(), "300");
    bundle.config["process"]["oomScoreAdj"] = json!(-900);
    // Without CAP_SYS_RESOURCE it stays as it was.
    assert!(["-900", "0"].contains(&bundle.output().as_str()));
}

#[test]
fn the_working_directory_is_made_and_must_be_inside() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("pwd");
    bundle.config["process"]["cwd"] = json!("/new/dir");
    assert_eq!(bundle.output(), "/new/dir");
    for number in 3..12 {
        bundle.config["process"]["cwd"] = json!(format!("/proc/self/fd/{number}"));
        let error = bundle.failure();
        assert!(error.contains("/proc/self/fd"), "{error}");
    }
}

#[test]
fn sysctls_and_clock_offsets_are_the_containers_own() {
    if !possible() {
        return;
    }
    let mut bundle =
        Bundle::new("cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /proc/uptime");
    bundle.config["linux"]["sysctl"] = json!({"kernel.msgmax": "12345", "net.ipv4.ip_unprivileged_port_start": "7"});
    bundle.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
    bundle.config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 1_000_000}});
    let output = bundle.output();
    let mut lines = output.lines();
    assert_eq!((lines.next(), lines.next()), (Some("12345"), Some("7")));
    let uptime: f64 = lines.next().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(uptime > 1_000_000.0, "{output}");
    bundle.config["linux"]["sysctl"] = json!({"vm.swappiness": "1"});
    assert!(bundle.failure().contains("not in a separate kernel namespace"));
}

#[test]
fn ignored_signals_are_not_inherited() {
    if !possible() {
        return;
    }
    // Without a shell, which ignores some itself.
    let mut bundle = Bundle::new("");
    bundle.config["process"]["args"] = json!(["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"]);
    assert_eq!(bundle.output(), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000");
}

#[test]
fn a_filter_that_knows_only_old_calls_keeps_no_program_from_running() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("echo ran");
    let mut filter = |calls: &[&str], errno: Errno| {
        bundle.config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.raw_os_error()}],
        });
        for early in [false, true] {
            bundle.config["process"]["noNewPrivileges"] = json!(early);
            assert_eq!(bundle.output(), "ran");
        }
    };
    for errno in [Errno::PERM, Errno::NOSYS] {
        filter(&["faccessat2", "close_range", "openat2"], errno);
        filter(&["getcwd"], errno);
    }
}
