use serde_json::json;

use crate::support::{Bundle, possible};

#[test]
fn it_is_alone_and_first_in_its_namespaces() {
    if !possible() {
        return;
    }
    let script = "echo $$; hostname; ls /proc | grep -c '^[0-9]'; ls /sys/class/net; cat /sys/class/net/lo/flags";
    let output = Bundle::new(script).output();
    // 0x9 is IFF_UP | IFF_LOOPBACK. `ls`, `grep` and the shell are the only processes.
    assert_eq!(output, "1\nteu\n3\nlo\n0x9");
}

#[test]
fn only_the_standard_streams_are_inherited() {
    if !possible() {
        return;
    }
    let _open = std::fs::File::open("/etc/passwd").unwrap();
    // The fourth is of `ls` itself.
    assert_eq!(Bundle::new("ls /proc/self/fd").output(), "0\n1\n2\n3");
}

#[test]
fn capabilities_and_no_new_privileges_are_as_configured() {
    if !possible() {
        return;
    }
    let output = Bundle::new("grep -E 'Cap|NoNewPrivs' /proc/self/status").output();
    let values: Vec<&str> = output.split_whitespace().filter(|w| !w.ends_with(':')).collect();
    // Inherited, permitted, effective, bounding, ambient: AUDIT_WRITE, KILL, NET_BIND_SERVICE.
    let three = "0000000020000420";
    assert_eq!(values, ["0000000000000000", three, three, three, "0000000000000000", "1"]);
}

#[test]
fn masked_paths_are_empty_and_readonly_paths_cannot_be_written() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new(
        "ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | grep -c .; cat /proc/timer_list; cat /masked-file;
         (echo 1 > /proc/sys/kernel/msgmax) 2>&1; touch /fixed/x 2>&1; touch /masked-dir/x 2>&1",
    );
    for dir in ["fixed", "masked-dir"] {
        std::fs::create_dir(bundle.rootfs().join(dir)).unwrap();
    }
    std::fs::write(bundle.rootfs().join("masked-dir/secret"), "").unwrap();
    std::fs::write(bundle.rootfs().join("masked-file"), "secret").unwrap();
    let linux = &mut bundle.config["linux"];
    for path in ["/masked-file", "/masked-dir", "/not-there"] {
        linux["maskedPaths"].as_array_mut().unwrap().push(json!(path));
    }
    linux["readonlyPaths"].as_array_mut().unwrap().push(json!("/fixed"));
    let output = bundle.run();
    let output = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "0", "{output}");
    assert_eq!(lines.len(), 4, "{output}");
    assert!(lines[1..].iter().all(|l| l.contains("Read-only file system")), "{output}");
}

#[test]
fn a_filter_is_in_force() {
    if !possible() {
        return;
    }
    for no_new_privileges in [true, false] {
        let mut bundle = Bundle::new("mkdir /dir 2>&1; grep Seccomp: /proc/self/status");
        bundle.config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        bundle.config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}],
        });
        let output = bundle.output();
        assert!(output.contains("Operation not supported") || output.contains("not supported"), "{output}");
        assert!(output.contains("Seccomp:\t2"), "{output}");
    }
}

#[test]
fn the_root_can_be_read_only() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("touch /x 2>&1; touch /dev/shm/y && echo writable");
    bundle.config["root"]["readonly"] = json!(true);
    let output = bundle.output();
    assert!(output.contains("Read-only file system") && output.ends_with("writable"), "{output}");
}

#[test]
fn the_executable_cannot_be_written_from_inside() {
    if !possible() {
        return;
    }
    // The container gets the runtime's executable executed inside, which has itself as /proc/self/exe then, and writes to
    // that through a descriptor of procfs.
    let mut bundle = Bundle::new("");
    symlink_exe(&bundle);
    bundle.config["process"]["args"] = json!(["/exe", "--version"]);
    let capabilities = json!(["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE"]);
    for set in ["bounding", "permitted", "effective"] {
        bundle.config["process"]["capabilities"][set] = capabilities.clone();
    }
    // It runs, from the protected copy.
    let output = bundle.output();
    assert!(output.starts_with("teu-runtime "), "{output}");
}

fn symlink_exe(bundle: &Bundle) {
    std::os::unix::fs::symlink("/proc/self/exe", bundle.rootfs().join("exe")).unwrap();
}
