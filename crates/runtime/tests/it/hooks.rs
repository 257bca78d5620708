use serde_json::json;

use crate::support::{Bundle, possible, text};

fn log(name: &str, file: &std::path::Path) -> serde_json::Value {
    let script = format!("read -r state; echo \"{name} $(readlink /proc/self/ns/mnt)\" >> {}", file.display());
    json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]})
}

#[test]
fn hooks_run_in_order_and_in_their_namespaces() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("cat /inside");
    let file = bundle.path().join("log");
    bundle.config["hooks"] = json!({
        "prestart": [log("prestart", &file)],
        "createRuntime": [log("createRuntime", &file)],
        "createContainer": [log("createContainer", &file)],
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "cat > /inside"]}],
        "poststart": [log("poststart", &file)],
        "poststop": [log("poststop", &file)],
    });
    let output = bundle.output();
    assert!(output.contains("\"status\":\"created\"") && output.contains("\"pid\":1"), "{output}");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<(&str, &str)> = text.lines().map(|l| l.split_once(' ').unwrap()).collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]);
    let own = std::fs::read_link("/proc/self/ns/mnt").unwrap();
    for (name, namespace) in lines {
        assert_eq!(namespace == own.to_str().unwrap(), name != "createContainer", "{name}");
    }
}

#[test]
fn a_failing_hook_stops_the_creation_but_not_the_deletion() {
    if !possible() {
        return;
    }
    let fail = json!([{"path": "/bin/sh", "args": ["sh", "-c", "exit 5"]}]);
    for point in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"] {
        let mut bundle = Bundle::new("sleep 1000");
        bundle.config["hooks"] = json!({point: fail});
        let error = bundle.failure();
        assert!(error.contains(&format!("{point} hook /bin/sh: exit status 5")), "{error}");
    }
    let mut bundle = Bundle::new("true");
    bundle.config["hooks"] = json!({"poststop": fail});
    let output = bundle.run();
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("warning: poststop hook"), "{}", text(&output));
}

#[test]
fn hooks_inside_have_no_more_privileges_than_the_container() {
    if !possible() {
        return;
    }
    let mut bundle = Bundle::new("cat /tmp/status");
    std::fs::create_dir(bundle.rootfs().join("tmp")).unwrap();
    let script = "grep -E 'CapEff|NoNewPrivs' /proc/self/status > /tmp/status";
    bundle.config["hooks"] = json!({"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", script]}]});
    let output = bundle.run();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "CapEff:\t0000000020000420\nNoNewPrivs:\t1\n",
        "{}",
        text(&output)
    );
}
