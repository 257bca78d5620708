//! `why`: what is asked of the engine, and how the answer looks.

use crate::engine::Engine;

const GONE: &str = r#"{"message":"No such container: web"}"#;

fn event(action: &str, seconds: i64, attributes: &str) -> String {
    format!(
        r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"abc","Attributes":{{"name":"web","image":"shop"{attributes}}}}},"time":{seconds},"timeNano":{seconds}000000000}}"#
    )
}

#[test]
fn a_container_that_is_gone_is_remembered() {
    let events = [
        event("start", 1_700_000_000, ""),
        event("oom", 1_700_000_004, ""),
        event("die", 1_700_000_005, r#","exitCode":"137""#),
        event("destroy", 1_700_000_005, ""),
    ];
    let engine = Engine::new(&[("GET /containers/web/json", 404, GONE), ("GET /events", 200, &events.join("\n"))]);
    let (code, out, err) = engine.run(&["why", "web"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("with exit code 137 (SIGKILL), after it had run for 5\nseconds."), "{out}");
    assert!(out.contains("Memory ran out: the kernel killed it."), "{out}");
    let asked = engine.requests().into_iter().map(|request| request.line).find(|line| line.contains("/events"));
    assert!(asked.is_some_and(|line| line.contains("since=") && line.contains("until=") && line.contains("filters=")));

    let (code, out, _) = engine.run(&["why", "--format", "json", "web"]);
    assert_eq!(code, 0);
    for part in
        [r#""Status": "gone""#, r#""Kind": "out-of-memory""#, r#""ExitCode": 137"#, r#""Detail": "exitCode=137""#]
    {
        assert!(out.contains(part), "{part} in {out}");
    }
}

#[test]
fn nobody_knows_it() {
    let engine = Engine::new(&[("GET /containers/web/json", 404, GONE), ("GET /events", 200, "")]);
    let (code, out, err) = engine.run(&["why", "web"]);
    assert_eq!((code, out.as_str(), err.as_str()), (1, "", "Error response from daemon: No such container: web\n"));
    let (code, _, err) = engine.run(&["why", "--format", "table", "web"]);
    assert_eq!((code, err.as_str()), (1, "unknown format \"table\": json, or none for sentences\n"));
}

#[test]
fn one_that_ended() {
    let inspect = r#"{"Id":"abc","Name":"/web","Path":"false","State":{"Status":"exited","ExitCode":1,
        "StartedAt":"2023-11-14T22:13:20Z","FinishedAt":"2023-11-14T22:13:21Z"},"Config":{"Image":"shop","Tty":true}}"#;
    let engine = Engine::new(&[
        ("GET /containers/web/json", 200, inspect),
        ("GET /containers/abc/logs", 200, "one\n\u{1b}[31mtwo\u{1b}[0m\n"),
        ("GET /events", 200, ""),
    ]);
    let (code, out, err) = engine.run(&["container", "why", "-n", "2", "web"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.starts_with("web ended ") && out.contains("after it had run for 1 second.\n\nWhy\n  - false ended"),
        "{out}"
    );
    assert!(out.ends_with("\nLast lines\n  | one\n  | two\n"), "{out}");
    assert!(engine.requests().iter().any(|request| request.line.contains("/logs?") && request.line.contains("tail=2")));
}
