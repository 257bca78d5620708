//! Command lines that are wrong: what is said, and the exit code.

use crate::engine::{Engine, outcome, program};

/// Arguments, exit code, and what standard error begins with.
const WRONG: &[(&[&str], i32, &str)] = &[
    (
        &["run"],
        1,
        "teu: 'teu run' requires at least 1 argument\n\nUsage:  teu run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nSee 'teu run --help' for more information",
    ),
    (
        &["ps", "x"],
        1,
        "teu: 'teu ps' accepts no arguments\n\nUsage:  teu ps [OPTIONS]\n\nRun 'teu ps --help' for more information",
    ),
    (&["rename", "a"], 1, "teu: 'teu rename' requires 2 arguments"),
    (&["tag", "a", "b", "c"], 1, "teu: 'teu tag' requires 2 arguments"),
    (&["exec", "a"], 1, "teu: 'teu exec' requires at least 2 arguments"),
    (
        &["run", "--nope", "x"],
        125,
        "unknown flag: --nope\n\nUsage:  teu run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nRun 'teu run --help' for more information",
    ),
    (&["ps", "-y"], 125, "unknown shorthand flag: 'y' in -y"),
    (&["ps", "-ay"], 125, "unknown shorthand flag: 'y' in -y"),
    (&["run", "--name"], 125, "flag needs an argument: --name"),
    (&["run", "-m"], 125, "flag needs an argument: 'm' in -m"),
    (&["run", "-m", "lots", "x"], 125, "invalid argument \"lots\" for \"-m, --memory\" flag: invalid size: 'lots'"),
    (
        &["run", "--cpus", "x", "x"],
        125,
        "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number",
    ),
    (
        &["run", "--ulimit", "nofile", "x"],
        125,
        "invalid argument \"nofile\" for \"--ulimit\" flag: invalid ulimit argument: nofile",
    ),
    (
        &["run", "--mount", "type=bind", "x"],
        125,
        "invalid argument \"type=bind\" for \"--mount\" flag: target is required",
    ),
    (
        &["run", "--add-host", "x", "x"],
        125,
        "invalid argument \"x\" for \"--add-host\" flag: bad format for add-host: \"x\"",
    ),
    (
        &["run", "--detach=maybe", "x"],
        125,
        "invalid argument \"maybe\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
    ),
    (
        &["run", "--oom-score-adj", "x", "x"],
        125,
        "invalid argument \"x\" for \"--oom-score-adj\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
    ),
    (&["pull", "-a", "x:1"], 1, "tag can't be used with --all-tags/-a"),
    (&["pull", "Bad"], 1, "invalid reference format: repository name (library/Bad) must be lowercase"),
    (&["run", "-d", "-a", "stdout", "x"], 1, "conflicting options: cannot specify both --attach and --detach"),
    (&["nope"], 1, "teu: unknown command: teu nope\n\nRun 'teu --help' for more information"),
    (
        &["container", "nope"],
        1,
        "teu: unknown command: teu container nope\n\nUsage:  teu container\n\nRun 'teu container --help' for more information",
    ),
    (&["--nope"], 125, "unknown flag: --nope"),
];

#[test]
fn wrong_command_lines() {
    for (arguments, code, begin) in WRONG {
        // Wrong by themselves: no engine is asked, and none is started.
        let (got, out, err) = outcome(program(arguments).env("DOCKER_HOST", "unix:///nonexistent").output().unwrap());
        assert!(err.starts_with(begin), "{arguments:?}\nexpected {begin:?}\ngot      {err:?}");
        assert_eq!((got, out.as_str()), (*code, ""), "{arguments:?}");
    }
}

#[test]
fn nothing_unsupported_is_ignored() {
    for (arguments, message) in [
        (&["pull", "--disable-content-trust=false", "x"][..], "--disable-content-trust=false is not supported yet"),
        (&["run", "--disable-content-trust=false", "x"], "--disable-content-trust=false is not supported yet"),
        (&["build", "."], "teu: 'build' is not supported yet"),
        (&["swarm", "init"], "teu: 'swarm' is not supported yet"),
    ] {
        let (code, out, err) = outcome(program(arguments).env("DOCKER_HOST", "unix:///nonexistent").output().unwrap());
        assert_eq!((code != 0, out.as_str()), (true, ""), "{arguments:?}");
        assert!(err.contains(message), "{arguments:?}: {err}");
    }
}

#[test]
fn an_engine_that_does_not_answer_is_named() {
    let (code, _, err) = outcome(program(&["-H", "unix:///nonexistent.sock", "ps"]).output().unwrap());
    assert_eq!(code, 1);
    assert!(err.contains("unix:///nonexistent.sock"), "{err}");
    let (code, _, err) = outcome(program(&["-H", "ftp://x", "ps"]).output().unwrap());
    assert_eq!(code, 1);
    assert!(err.contains("ftp"), "{err}");
}

#[test]
fn what_the_engine_refuses_is_passed_on() {
    let refusal = r#"{"message":"No such container: web"}"#;
    let engine = Engine::new(&[
        ("POST /containers/web/stop", 404, refusal),
        ("POST /containers/ok/stop", 204, ""),
        ("DELETE /containers/web", 404, refusal),
    ]);
    let (code, out, err) = engine.run(&["stop", "web", "ok"]);
    assert_eq!((code, out.as_str()), (1, "ok\n"), "the others are stopped all the same");
    assert_eq!(err, "Error response from daemon: No such container: web\n");
    let (code, _, err) = engine.run(&["rm", "web"]);
    assert_eq!((code, err.as_str()), (1, "Error response from daemon: No such container: web\n"));
}

#[test]
fn spellings_of_2014() {
    let engine = Engine::new(&[("POST /containers/create", 409, r#"{"message":"no"}"#)]);
    let line = ["run", "-name=web", "-rm", "-d=true", "-link", "db:db", "-it", "busybox", "find", "-name", "x"];
    let (code, _, err) = engine.run(&line);
    assert_eq!((code, err.lines().next()), (125, Some("teu: Error response from daemon: no")));
    let request = engine.requests().pop().unwrap();
    assert!(request.line.contains("name=web"), "{}", request.line);
    for part in [r#""AutoRemove":true"#, r#""Links":["db:db"]"#, r#""Tty":true"#, r#""Cmd":["find","-name","x"]"#] {
        assert!(request.body.contains(part), "{part} in {}", request.body);
    }
    let (code, _, err) = engine.run(&["run", "-names=web", "busybox"]);
    assert!(code == 125 && err.starts_with("unknown shorthand flag: 'n' in -names=web"), "{err}");
}
