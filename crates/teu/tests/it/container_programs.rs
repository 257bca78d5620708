//! Programs, working directories and mount points that are not what they should be: the words and the codes of Docker.

use teu_testkit::engine::Engine;
use teu_testkit::image::{Image, Layer, busybox_layer, busybox_path};

use crate::support::{engine, feed, inspect, outcome, text};

const IMAGE: &str = "odd:latest";

/// An engine with an image that has a program of each kind that does not run, and a container of it that does.
fn odd() -> Option<Engine> {
    let engine = engine()?;
    let layer = Layer::new()
        .dir("x", 0o755)
        .dir("x/folder", 0o755)
        .file("x/plain", 0o644, "text")
        .file("x/garbage", 0o755, b"\x7fELF no more")
        .file("x/lost", 0o755, "#!/no/such/interpreter\n")
        .file("x/windows", 0o755, "#!/bin/sh\r\necho\r\n")
        .file("x/refused", 0o755, "#!/x/plain\n")
        .file("x/turning", 0o755, "#!/x/loop\n")
        .symlink("x/loop", "loop")
        .symlink("x/nowhere", "/none");
    let busybox = busybox_layer(&busybox_path().expect("busybox-static")).expect("a layer");
    let image = Image::new(IMAGE).layer(busybox).layer(layer.finish()).cmd(&["sh"]);
    let loaded = feed(engine.teu().arg("load"), &image.docker_archive());
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
    engine.run(&["run", "-d", "--name", "box", IMAGE, "sleep", "1000"]).unwrap();
    Some(engine)
}

/// Checks what `run`, `start`, `exec` and `why` make of a command: the reason behind "unable to start container process: ",
/// the exit codes of `run` and `exec`, the one that is kept, and the kind of cause.
fn check(engine: &Engine, command: &str, reason: &str, [run, kept, exec]: [i32; 3], kind: &str) {
    let reason = format!("unable to start container process: {reason}");
    let (code, _, err) = outcome(engine, &["run", "--name", "odd", IMAGE, command]);
    assert!(err.contains(&format!("{reason}\n")), "run {command}: {err}");
    assert_eq!(code, run, "run {command}: {err}");
    assert_eq!(inspect(engine, "odd", "{{.State.ExitCode}} {{.State.Status}}"), format!("{kept} created"), "{command}");
    let (code, _, err) = outcome(engine, &["start", "odd"]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("{reason}\n")), "start {command}: {err}");
    let (_, told, _) = outcome(engine, &["why", "--format", "json", "odd"]);
    assert!(told.contains(&format!("\"Kind\": \"{kind}\"")), "why {command}: {told}");
    engine.run(&["rm", "odd"]).unwrap();
    let (code, out, _) = outcome(engine, &["exec", "box", command]);
    assert!(out.contains(&reason), "exec {command}: {out}");
    assert_eq!(code, exec, "exec {command}: {out}");
}

#[test]
fn programs_that_are_not_found() {
    let Some(engine) = odd() else { return };
    let long = format!("/{}", "a".repeat(300));
    let absent = |command: &str| format!("exec: \"{command}\": stat {command}: no such file or directory: unknown");
    for command in ["/none", "/x/nowhere", "x/none"] {
        check(&engine, command, &absent(command), [127, 127, 127], "command-not-found");
    }
    // What a search finds and cannot execute is passed over, whatever the reason.
    for command in ["none", ".", &long[1..]] {
        let reason = format!("exec: \"{command}\": executable file not found in $PATH: unknown");
        check(&engine, command, &reason, [127, 127, 127], "command-not-found");
    }
    for name in ["plain", "folder", "loop", "nowhere"] {
        let (code, _, err) = outcome(&engine, &["run", "--rm", "-e", "PATH=/x", IMAGE, name]);
        assert!(err.contains(&format!("exec: \"{name}\": executable file not found in $PATH: unknown")), "{err}");
        assert_eq!(code, 127, "{err}");
    }
    let hint = "not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)? Check if the \
                specified host path exists and is the expected type";
    for command in ["/x/plain/y", "/bin/sh/"] {
        check(
            &engine,
            command,
            &format!("exec: \"{command}\": stat {command}: {hint}"),
            [125, 127, 127],
            "command-not-found",
        );
    }
    for command in ["/x/loop", "/x/loop/y"] {
        let reason = format!("exec: \"{command}\": stat {command}: too many levels of symbolic links: unknown");
        check(&engine, command, &reason, [125, 128, 126], "command-not-found");
    }
    let reason = format!("exec: \"{long}\": stat {long}: file name too long: unknown");
    check(&engine, &long, &reason, [125, 128, 126], "command-not-found");
}

#[test]
fn programs_that_are_not_executed() {
    let Some(engine) = odd() else { return };
    let kind = "command-not-executable";
    let check = |command: &str, reason: &str, codes| {
        check(&engine, command, &format!("exec: \"{command}\": {reason}"), codes, kind);
    };
    check("/x/plain", "permission denied: unknown", [126; 3]);
    check("/x/folder", "is a directory: unknown: permission denied", [126; 3]);
    check("/x/garbage", "exec format error: unknown", [126; 3]);
    check("/x/refused", "permission denied: unknown", [126; 3]);
    check("/x/turning", "too many levels of symbolic links: unknown", [125, 126, 126]);
    // What is missing is the interpreter.
    for command in ["/x/lost", "/x/windows"] {
        check(command, "no such file or directory: unknown", [127; 3]);
    }
}

#[test]
fn a_working_directory_is_made_with_the_container() {
    let Some(engine) = odd() else { return };
    let create = |folder: &str| outcome(&engine, &["create", "--name", "new", "-w", folder, IMAGE, "pwd"]);
    let (code, _, err) = create("/x/plain");
    assert_eq!((code, err.as_str()), (1, "Error response from daemon: Cannot mkdir: /x/plain is not a directory\n"));
    for (folder, reason) in [("/x/plain/y", "not a directory"), ("/x/loop", "too many")] {
        let (code, _, err) = create(folder);
        assert_eq!(code, 1);
        assert!(err.to_lowercase().contains(reason), "{err}");
    }
    assert_eq!(engine.run(&["ps", "-aq", "--filter", "name=new"]).unwrap(), "", "nothing is left of them");
    assert_eq!(engine.run(&["run", "--rm", "-w", "/x/nowhere", IMAGE, "pwd"]).unwrap(), "/none\n");
    // Before its first start, too, files can be put there.
    assert_eq!(create("/made/here").0, 0);
    let file = engine.host.path("file");
    std::fs::write(&file, "content").unwrap();
    engine.run(&["cp", file.to_str().unwrap(), "new:/made/here/"]).unwrap();
    assert_eq!(engine.run(&["diff", "new"]).unwrap(), "A /made\nA /made/here\nA /made/here/file\n");
    assert_eq!(engine.run(&["start", "-a", "new"]).unwrap(), "/made/here\n");
}

#[test]
fn a_file_is_not_mounted_on_a_folder() {
    let Some(engine) = odd() else { return };
    let file = engine.host.path("file");
    std::fs::write(&file, "content").unwrap();
    let (file, folder) = (file.to_str().unwrap(), engine.host.directory().to_str().unwrap());
    for (source, target) in [(file, "/x"), (folder, "/x/plain")] {
        let volume = format!("{source}:{target}");
        let (code, _, err) = outcome(&engine, &["run", "--name", "odd", "-v", &volume, IMAGE, "true"]);
        let hint = format!(
            "{target}: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?"
        );
        assert!(code == 125 && err.contains(&hint), "{code} {err}");
        assert_eq!(inspect(&engine, "odd", "{{.State.ExitCode}}"), "127");
        let (_, told, _) = outcome(&engine, &["why", "--format", "json", "odd"]);
        assert!(told.contains("a folder of the host on a file of the image"), "{told}");
        engine.run(&["rm", "odd"]).unwrap();
    }
}
