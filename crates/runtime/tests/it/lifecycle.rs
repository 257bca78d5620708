use serde_json::json;

use crate::support::{Bundle, possible, text};

#[test]
fn the_exit_code_is_the_containers() {
    if !possible() {
        return;
    }
    let output = Bundle::new("echo out; echo err >&2; exit 42").run();
    assert_eq!(output.status.code(), Some(42), "{}", text(&output));
    assert_eq!(output.stdout, b"out\n");
    assert_eq!(output.stderr, b"err\n");
    assert_eq!(Bundle::new("kill -9 $$; sleep 1; kill -9 1; exit 3").run().status.code(), Some(3));
}

#[test]
fn a_container_is_created_started_killed_and_deleted() {
    if !possible() {
        return;
    }
    let bundle = Bundle::new("exec sleep 1000");
    bundle.write();
    let mut create = bundle.command("create");
    create.arg("--bundle").arg(bundle.path()).arg("--pid-file").arg(bundle.path().join("pid")).arg(&bundle.id);
    assert!(create.stdout(std::process::Stdio::null()).status().unwrap().success());
    let state = bundle.state();
    assert_eq!(state["status"], "created");
    let pid = std::fs::read_to_string(bundle.path().join("pid")).unwrap();
    assert_eq!(state["pid"].to_string(), pid);
    assert!(bundle.act("start", &[]).status.success());
    assert_eq!(bundle.state()["status"], "running");
    assert!(!bundle.act("start", &[]).status.success());
    assert!(!bundle.act("delete", &[]).status.success());
    assert!(bundle.act("pause", &[]).status.success());
    assert_eq!(bundle.state()["status"], "paused");
    assert!(bundle.act("resume", &[]).status.success());
    assert!(bundle.act("kill", &["SIGKILL"]).status.success());
    while bundle.state()["status"] != "stopped" {
        std::thread::yield_now();
    }
    assert!(!bundle.act("kill", &["TERM"]).status.success());
    assert!(bundle.act("delete", &[]).status.success());
    let gone = bundle.act("state", &[]);
    assert!(text(&gone).contains("does not exist"), "{}", text(&gone));
}

#[test]
fn an_id_is_taken_once_and_a_failed_creation_leaves_nothing() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("exec sleep 1000");
    bundle.start();
    let again = bundle.run();
    assert!(text(&again).contains("already exists"), "{}", text(&again));
    assert_eq!(bundle.state()["status"], "running");
    bundle.act("delete", &["--force"]);
    bundle.config["process"]["args"] = json!(["/nonexistent"]);
    assert!(bundle.failure().contains("exec: \"/nonexistent\": stat /nonexistent: no such file or directory"));
    assert!(!bundle.path().join("state").join(&bundle.id).exists());
}

#[test]
fn programs_that_cannot_run_have_their_exit_codes() {
    if !possible() {
        return;
    }
    let code = |program: &str| {
        let mut bundle = Bundle::new("");
        bundle.config["process"]["args"] = json!([program]);
        std::fs::write(bundle.rootfs().join("plain"), "text").unwrap();
        bundle.run().status.code()
    };
    assert_eq!(code("nope"), Some(127));
    assert_eq!(code("/plain"), Some(126));
    assert_eq!(code("/bin"), Some(126));
}

#[test]
fn limits_are_changed_while_it_runs() {
    if !possible() {
        return;
    }
    let bundle = Bundle::new("exec sleep 1000");
    bundle.start();
    let updated = bundle.command("update").args(["--pids-limit", "77", &bundle.id]).output().unwrap();
    assert!(updated.status.success(), "{}", text(&updated));
    let events = bundle.command("events").args(["--stats", &bundle.id]).output().unwrap();
    let event: serde_json::Value = serde_json::from_slice(&events.stdout).unwrap();
    assert_eq!(event["data"]["pids"]["limit"], 77, "{}", text(&events));
}
