//! `ps`: every filter, as Docker reads it.

use crate::api::get;
use crate::support::{BUSYBOX, engine, inspect};
use teu_testkit::engine::Engine;

/// Five containers of different kinds; `child:1` is made from the first.
fn furnished() -> Option<Engine> {
    let engine = engine()?;
    let start = |arguments: &[&str]| engine.run(&[&["run", "-d"], arguments].concat()).unwrap();
    start(&["--name", "ended", BUSYBOX, "sh", "-c", "exit 3"]);
    engine.run(&["wait", "ended"]).unwrap();
    start(&[
        "--name",
        "web",
        "-l",
        "x=1",
        "-v",
        "vol:/data",
        "-p",
        "127.0.0.1:8099:80",
        "--expose",
        "90/udp",
        BUSYBOX,
        "top",
    ]);
    engine.run(&["create", "--name", "new", "--network", "none", "-p", "8098:81", BUSYBOX]).unwrap();
    engine.run(&["commit", "ended", "child:1"]).unwrap();
    start(&["--name", "offspring", "-l", "x=2", "--network", "host", "child:1", "top"]);
    start(&["--name", "frozen", BUSYBOX, "top"]);
    engine.run(&["pause", "frozen"]).unwrap();
    Some(engine)
}

#[test]
fn every_filter() {
    let Some(engine) = furnished() else { return };
    let id = inspect(&engine, "web", "{{.Id}}");
    let image = inspect(&engine, BUSYBOX, "{{.Id}}");
    let (prefix, image) = (format!("id={}", &id[..12]), format!("ancestor={}", &image[7..19]));
    // What a filter leaves of all containers, and of those that run.
    let cases = [
        ("before=offspring", "new web ended", "web"),
        ("since=ended", "frozen offspring new web", "frozen offspring web"),
        ("exited=3", "ended", ""),
        ("exited=0", "", ""),
        ("status=exited", "ended", "ended"),
        ("status=created", "new", "new"),
        ("status=paused", "frozen", "frozen"),
        ("status=running", "offspring web", "offspring web"),
        ("health=none", "frozen offspring new web ended", "frozen offspring web"),
        ("health=healthy", "", ""),
        (&prefix, "web", "web"),
        ("is-task=true", "", ""),
        ("is-task=false", "frozen offspring new web ended", "frozen offspring web"),
        ("isolation=process", "frozen offspring new web ended", "frozen offspring web"),
        ("label=x", "offspring web", "offspring web"),
        ("label=x=2", "offspring", "offspring"),
        ("name=we", "web", "web"),
        ("name=^/web$", "web", "web"),
        ("name=^(new|ended)$", "new ended", ""),
        ("name=[", "", ""),
        ("network=bridge", "frozen web ended", "frozen web"),
        ("network=host", "offspring", "offspring"),
        ("network=brid", "", ""),
        ("publish=8000-8099", "web", "web"),
        ("publish=80", "", ""),
        ("expose=80-100/udp", "web", "web"),
        ("expose=80", "web", "web"),
        ("volume=vol", "web", "web"),
        ("volume=/data", "web", "web"),
        ("volume=vo", "", ""),
        ("ancestor=busybox", "frozen offspring new web ended", "frozen offspring web"),
        (&image, "frozen offspring new web ended", "frozen offspring web"),
        ("ancestor=child:1", "offspring", "offspring"),
        ("ancestor=nosuch", "", ""),
    ];
    let names = |arguments: &[&str]| {
        let out = engine.run(&[&["ps", "--format", "{{.Names}}"], arguments].concat()).unwrap();
        out.lines().collect::<Vec<_>>().join(" ")
    };
    for (filter, all, running) in cases {
        assert_eq!(names(&["-a", "-f", filter]), all, "{filter} of all");
        assert_eq!(names(&["-f", filter]), running, "{filter} of those that run");
    }
    assert_eq!(names(&["-n", "2"]), "frozen offspring");
    assert_eq!(names(&["-l", "-f", "label=x"]), "offspring", "the last that fits");
}

#[test]
fn filters_that_make_no_sense() {
    let Some(engine) = engine() else { return };
    for (filters, status, message) in [
        (r#"{"bad":["x"]}"#, 400, "invalid filter 'bad'"),
        (r#"{"status":["x"]}"#, 400, "invalid filter 'status=x'"),
        (r#"{"exited":["x"]}"#, 400, r#"invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax"#),
        (r#"{"health":["x"]}"#, 400, "unrecognized filter value for health: x"),
        (r#"{"is-task":["x"]}"#, 400, "invalid filter 'is-task=[x]'"),
        (r#"{"before":["x"]}"#, 404, "No such container: x"),
        (r#"{"since":["x"]}"#, 404, "No such container: x"),
        (
            r#"{"publish":["x"]}"#,
            400,
            r#"error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax"#,
        ),
        (
            r#"{"expose":["2-1"]}"#,
            400,
            "error while looking up for expose 2-1: Invalid range specified for the Port: 2-1",
        ),
        ("[]", 400, "invalid filter"),
        ("x", 400, "invalid filter"),
    ] {
        let encoded: String = filters.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = get(&engine, &format!("/v1.45/containers/json?filters={encoded}"));
        assert_eq!((answer.status, answer.message().as_str()), (status, message), "{filters}");
    }
    let limit = get(&engine, "/v1.45/containers/json?limit=x");
    assert_eq!(limit.status, 400);
}

#[test]
fn volumes_are_gone_when_their_removal_is_answered() {
    let Some(engine) = engine() else { return };
    let fill = "i=0; while [ $i -lt 2000 ]; do echo x >/d/$i; i=$((i+1)); done";
    engine.run(&["run", "--name", "box", "-v", "/d", BUSYBOX, "sh", "-c", fill]).unwrap();
    let folder = inspect(&engine, "box", "{{(index .Mounts 0).Source}}");
    assert!(std::fs::exists(&folder).unwrap(), "{folder}");
    engine.run(&["rm", "-v", "box"]).unwrap();
    assert!(!std::fs::exists(&folder).unwrap(), "{folder}");
    assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap(), "");
}

#[test]
fn volumes_come_with_containers_and_tell_of_themselves() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--name", "box", "-v", "named:/d:ro", "-v", "/anonymous", BUSYBOX, "true"]).unwrap();
    assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap().lines().count(), 2, "before it has run");
    engine.run(&["start", "-a", "box"]).unwrap();
    engine.run(&["wait", "box"]).unwrap();
    engine.run(&["rm", "-v", "box"]).unwrap();
    assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap(), "named\n", "the other one is gone when the answer comes");
    engine.run(&["volume", "rm", "named"]).unwrap();
    let told = |format: &str| {
        let arguments = ["events", "--since", "0", "--until", "0s", "-f", "volume=named", "--format", format];
        engine.run(&arguments).unwrap()
    };
    assert_eq!(told("{{.Action}}"), "create\nmount\nunmount\ndestroy\n");
    let attributes = told("{{json .Actor.Attributes}}");
    let mounted = attributes.lines().nth(1).unwrap_or_default();
    assert!(mounted.contains(r#""destination":"/d""#) && mounted.contains(r#""read/write":"false""#), "{mounted}");
    let refused = get(&engine, "/v1.45/events?since=20&until=10");
    assert_eq!(
        (refused.status, refused.message().as_str()),
        (400, "`since` time (20) cannot be after `until` time (10)")
    );
}
