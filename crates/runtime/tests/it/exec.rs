use crate::support::{Bundle, possible, text};

fn sleeper() -> Bundle {
    let bundle = Bundle::new("exec sleep 1000");
    bundle.start();
    bundle
}

#[test]
fn a_process_joins_all_namespaces_and_the_cgroup() {
    if !possible() {
        return;
    }
    let bundle = sleeper();
    let same = "for n in pid net ipc uts mnt cgroup; do
        [ $(readlink /proc/self/ns/$n) = $(readlink /proc/1/ns/$n) ] || echo $n; done; cat /proc/self/cgroup | grep -v ':/$'";
    // Links of another process's namespaces take CAP_SYS_PTRACE to read, unless the sets are alike.
    let output = bundle.act("exec", &["sh", "-c", same]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{}", text(&output));
    assert_eq!(bundle.exec("cat /proc/1/cmdline | grep -c sleep; pwd"), "1\n/");
}

#[test]
fn exit_codes_tell_what_happened() {
    if !possible() {
        return;
    }
    let bundle = sleeper();
    let code = |arguments: &[&str]| bundle.act("exec", arguments).status.code();
    assert_eq!(code(&["sh", "-c", "exit 9"]), Some(9));
    assert_eq!(code(&["sh", "-c", "kill -TERM $$"]), Some(143));
    assert_eq!(code(&["nope"]), Some(127));
    assert_eq!(code(&["/bin"]), Some(126));
    assert_eq!(bundle.command("exec").args(["--cwd", "/none", &bundle.id, "true"]).status().unwrap().code(), Some(255));
}

#[test]
fn user_environment_and_directory_are_set() {
    if !possible() {
        return;
    }
    let bundle = sleeper();
    let mut exec = bundle.command("exec");
    exec.args(["--user", "5:6", "-g", "7", "--env", "TERM=other", "--env", "A=b", "--cwd", "/bin", &bundle.id]);
    let output = exec.args(["sh", "-c", "id; echo $TERM $A; pwd"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "uid=5 gid=6 groups=7\nother b\n/bin\n", "{}", text(&output));
}

#[test]
fn a_paused_or_stopped_container_is_refused() {
    if !possible() {
        return;
    }
    let bundle = sleeper();
    assert!(bundle.act("pause", &[]).status.success());
    let refused = bundle.act("exec", &["true"]);
    assert!(text(&refused).contains("paused"), "{}", text(&refused));
    assert!(bundle.act("resume", &[]).status.success());
    assert!(bundle.act("kill", &["KILL"]).status.success());
    while bundle.state()["status"] != "stopped" {
        std::thread::yield_now();
    }
    let refused = bundle.act("exec", &["true"]);
    assert!(text(&refused).contains("stopped container"), "{}", text(&refused));
}

#[test]
fn a_detached_process_writes_its_id() {
    if !possible() {
        return;
    }
    let bundle = sleeper();
    let file = bundle.path().join("exec.pid");
    let mut exec = bundle.command("exec");
    exec.arg("--pid-file").arg(&file).args(["--detach", &bundle.id, "sleep", "1000"]);
    exec.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    assert!(exec.status().unwrap().success());
    let pid = std::fs::read_to_string(&file).unwrap();
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert_eq!(command, b"sleep\x001000\0");
}
