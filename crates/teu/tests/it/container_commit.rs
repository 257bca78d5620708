//! `diff`, `export`, `commit`: what a container changed, and what is made of it.

use crate::support::{BUSYBOX, engine, feed, inspect, outcome, sh, text};

const SCRIPT: &str = "echo new >/new; echo more >>/etc/passwd; rm /etc/group; mkdir /dir; echo x >/dir/f; \
                      rm -r /home; mkdir /home; touch /home/only; ln -s /new /link; chmod 4755 /bin/true 2>/dev/null; sync";

#[test]
fn changes_are_told_and_nothing_else() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "--name", "idle", BUSYBOX, "true"]).unwrap();
    assert_eq!(engine.run(&["diff", "idle"]).unwrap(), "", "a start changes nothing");
    engine
        .run(&["run", "-d", "--name", "web", BUSYBOX, "sh", "-c", "cat /proc/self/status >/dev/null; sleep 1000"])
        .unwrap();
    assert_eq!(engine.run(&["diff", "web"]).unwrap(), "");
    engine
        .run(&[
            "exec",
            "web",
            "sh",
            "-c",
            "echo new >/new; echo more >>/etc/passwd; rm /etc/group; mkdir /dir; echo x >/dir/f",
        ])
        .unwrap();
    let expected = "A /dir\nA /dir/f\nC /etc\nD /etc/group\nC /etc/passwd\nA /new\n";
    for _ in ["running", "stopped"] {
        assert_eq!(engine.run(&["diff", "web"]).unwrap(), expected);
        engine.run(&["stop", "-t", "0", "web"]).unwrap();
    }
    assert_eq!(engine.run(&["container", "diff", "web"]).unwrap(), expected);
    let (code, _, err) = outcome(&engine, &["diff", "nosuch"]);
    assert_eq!(code, 1);
    assert!(err.contains("No such container: nosuch"), "{err}");
}

#[test]
fn an_image_of_a_container_has_its_files() {
    let Some(engine) = engine() else { return };
    engine
        .run(&[
            "run",
            "-d",
            "--name",
            "web",
            "-e",
            "A=1",
            "-l",
            "who=me",
            BUSYBOX,
            "sh",
            "-c",
            "trap exit TERM; while :; do sleep 0.1; done",
        ])
        .unwrap();
    engine.run(&["exec", "web", "sh", "-c", SCRIPT]).unwrap();
    let flags = [
        "commit",
        "-a",
        "somebody",
        "-m",
        "why not",
        "-c",
        "CMD [\"cat\", \"/new\"]",
        "-c",
        "ENV B=2",
        "web",
        "kept:1",
    ];
    let id = engine.run(&flags).unwrap().trim().to_owned();
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(inspect(&engine, "web", "{{.State.Status}}"), "running", "thawed again");
    assert_eq!(inspect(&engine, "kept:1", "{{.Id}}"), id);
    assert_eq!(engine.run(&["run", "--rm", "kept:1"]).unwrap(), "new\n");
    let script = "tail -1 /etc/passwd; ls /etc/group 2>/dev/null; cat /dir/f; ls /home; readlink /link; echo $A $B";
    let out = engine.run(&["run", "--rm", "kept:1", "sh", "-c", script]).unwrap();
    assert_eq!(out, "more\nx\nonly\n/new\n1 2\n");
    let about = "{{.Author}} {{.Comment}} {{.Config.Labels.who}} {{len .RootFS.Layers}}";
    let layers: usize = inspect(&engine, BUSYBOX, "{{len .RootFS.Layers}}").parse().unwrap();
    assert_eq!(inspect(&engine, "kept:1", about), format!("somebody why not me {}", layers + 1));
    // The layer holds on its own: saved, removed, loaded again.
    let saved = engine.output(&["save", "kept:1"]).unwrap().stdout;
    engine.run(&["rmi", "kept:1"]).unwrap();
    assert!(feed(engine.teu().arg("load"), &saved).status.success());
    assert_eq!(engine.run(&["run", "--rm", "kept:1"]).unwrap(), "new\n");
    let (code, _, err) = outcome(&engine, &["commit", "-c", "RUN true", "web"]);
    assert_eq!(code, 1);
    assert!(err.contains("RUN is not a valid change command"), "{err}");
}

#[test]
fn an_unnamed_image_of_a_stopped_container() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "--name", "web", BUSYBOX, "sh", "-c", "echo x >/x"]).unwrap();
    let id = engine.run(&["commit", "--pause=false", "web"]).unwrap();
    assert_eq!(engine.run(&["run", "--rm", id.trim(), "cat", "/x"]).unwrap(), "x\n");
    let history = engine.run(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", id.trim()]).unwrap();
    assert_eq!(history.lines().next(), Some("sh -c echo x >/x"));
}

#[test]
fn an_export_is_the_root_file_system() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "web", "-v", "data:/data", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["exec", "web", "sh", "-c", "echo kept >/kept; echo volume >/data/f; rm /etc/group"]).unwrap();
    let out = engine.output(&["export", "web"]).unwrap().stdout;
    let list = text(&feed(std::process::Command::new("tar").arg("-t"), &out).stdout);
    let has = |name: &str| list.lines().any(|line| line.trim_start_matches("./") == name);
    assert!(has("kept") && has("data/") && has("proc/") && has("etc/passwd"), "{list}");
    assert!(!has("data/f") && !has("etc/group") && !list.contains("proc/self"), "{list}");
    let imported = feed(engine.teu().args(["import", "-", "flat:1"]), &out);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert_eq!(engine.run(&["run", "--rm", "flat:1", "cat", "/kept"]).unwrap(), "kept\n");
    let path = engine.host.path("out.tar");
    engine.run(&["export", "-o", &path.to_string_lossy(), "web"]).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), out.len() as u64);
    assert_eq!(sh(&engine, &[], "echo still fine"), "still fine\n");
}
