//! `debug`: what is asked of the engine.

use crate::engine::Engine;

fn target(status: &str) -> String {
    format!(
        r#"{{"Id":"abc","Name":"/web","State":{{"Status":"{status}"}},"Config":{{"Env":["A=1"]}},"HostConfig":{{}}}}"#
    )
}

#[test]
fn a_container_beside_the_container() {
    let target = target("running");
    let engine = Engine::new(&[
        ("GET /containers/web/json", 200, &target),
        ("POST /containers/create", 409, r#"{"message":"no"}"#),
    ]);
    let (code, _, err) = engine.run(&["debug", "--image", "tools", "--privileged", "-e", "B=2", "web", "ss", "-l"]);
    assert_eq!(code, 125, "{err}");
    let create = engine.requests().into_iter().find(|request| request.line.starts_with("POST")).unwrap();
    for part in [
        r#""Image":"tools""#,
        r#""Cmd":["ss","-l"]"#,
        r#""Env":["B=2"]"#,
        r#""PidMode":"container:abc""#,
        r#""NetworkMode":"container:abc""#,
        r#""AutoRemove":true"#,
        r#""Privileged":true"#,
        r#""CapAdd":["SYS_PTRACE"]"#,
    ] {
        assert!(create.body.contains(part), "{part} in {}", create.body);
    }
}

#[test]
fn a_copy_that_cannot_run_is_removed() {
    let target = target("exited");
    let engine = Engine::new(&[
        ("GET /containers/web/json", 200, &target),
        ("GET /version", 200, "{}"),
        ("POST /commit", 201, r#"{"Id":"sha256:1234"}"#),
        ("POST /containers/create", 201, r#"{"Id":"new","Warnings":[]}"#),
        ("PUT /containers/new/archive", 500, r#"{"message":"disk full"}"#),
        ("DELETE /containers/new", 204, ""),
        ("DELETE /images/sha256", 200, "[]"),
    ]);
    let mut command = engine.command(&["debug", "web"]);
    let (code, _, err) = crate::engine::outcome(command.env("PATH", "/usr/bin:/bin").output().unwrap());
    if err.starts_with("no tools to bring along") {
        // A machine without busybox.
        return;
    }
    assert_eq!((code, err.as_str()), (1, "Error response from daemon: disk full\n"));
    let lines: Vec<String> = engine.requests().into_iter().map(|request| request.line).collect();
    assert!(
        lines.iter().any(|line| line.starts_with("DELETE /containers/new?") && line.contains("force=1")),
        "{lines:?}"
    );
    assert!(lines.last().unwrap().starts_with("DELETE /images/sha256"), "{lines:?}");
}
