//! `config.json` and the environment.

use crate::engine::Engine;

const CONTAINERS: &str = r#"[{"Id":"0123456789abcdef","Names":["/web"],"Image":"busybox","State":"running"}]"#;

fn engine() -> Engine {
    Engine::new(&[("GET /containers/json", 200, CONTAINERS), ("GET /images/json", 200, "[]")])
}

#[test]
fn headers_are_sent_with_every_request() {
    let engine = engine();
    engine.configure(r#"{"HttpHeaders":{"X-Team":"blue","User-Agent":"me"}}"#);
    let (code, _, err) = engine.run(&["ps"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let requests = engine.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.headers["x-team"], "blue", "{}", request.line);
        assert!(request.headers["user-agent"].starts_with("teu/"), "{}", request.line);
    }
}

#[test]
fn a_header_that_is_none_is_an_error() {
    let engine = engine();
    engine.configure(r#"{"HttpHeaders":{"two words":"x"}}"#);
    let (code, _, err) = engine.run(&["ps"]);
    assert_eq!(code, 1);
    assert!(err.contains("two words"), "{err}");
}

#[test]
fn formats_of_lists() {
    let engine = engine();
    engine.configure(r#"{"psFormat":"{{.Names}}!","imagesFormat":"json"}"#);
    assert_eq!(engine.run(&["ps"]), (0, "web!\n".to_owned(), String::new()));
    assert_eq!(engine.run(&["ps", "--format", "{{.Image}}"]).1, "busybox\n");
    assert_eq!(engine.run(&["ps", "-q"]).1, "0123456789ab\n");
    assert_eq!(engine.run(&["images"]), (0, String::new(), String::new()));
}

#[test]
fn formats_of_more_lists() {
    let engine = Engine::new(&[
        ("GET /networks", 200, r#"[{"Name":"bridge","Id":"0123456789abcdef","Driver":"bridge"}]"#),
        ("GET /volumes", 200, r#"{"Volumes":[{"Name":"data","Driver":"local"}]}"#),
        ("GET /containers/json", 200, CONTAINERS),
        ("GET /containers/", 200, r#"{"name":"/web","id":"0123456789abcdef"}"#),
    ]);
    engine.configure(
        r#"{"networksFormat":"net {{.Name}}","volumesFormat":"vol {{.Name}}","statsFormat":"use {{.Name}} {{.PIDs}}"}"#,
    );
    assert_eq!(engine.run(&["network", "ls"]), (0, "net bridge\n".to_owned(), String::new()));
    assert_eq!(engine.run(&["volume", "ls"]), (0, "vol data\n".to_owned(), String::new()));
    assert_eq!(engine.run(&["stats", "--no-stream"]), (0, "use web 0\n".to_owned(), String::new()));
}

#[test]
fn detach_keys() {
    let engine = Engine::new(&[]);
    engine.configure(r#"{"detachKeys":"ctrl-?"}"#);
    let (code, _, err) = engine.run(&["run", "busybox"]);
    assert!(code != 0 && err.contains("invalid detach keys (ctrl-?)"), "{err}");
    let (_, _, err) = engine.run(&["run", "--detach-keys", "ctrl-a", "busybox"]);
    assert!(!err.contains("detach keys"), "{err}");
}

#[test]
fn proxies_are_handed_to_containers() {
    let engine = Engine::new(&[("POST /containers/create", 409, r#"{"message":"no"}"#)]);
    engine.configure(r#"{"proxies":{"default":{"httpProxy":"http://p:3128","noProxy":"local"}}}"#);
    for command in ["run", "create"] {
        engine.run(&[command, "-e", "NO_PROXY=mine", "busybox"]);
        let request = engine.requests().pop().unwrap();
        let env = r#""Env":["NO_PROXY=mine","HTTP_PROXY=http://p:3128","http_proxy=http://p:3128","no_proxy=local"]"#;
        assert!(request.body.contains(env), "{}", request.body);
    }
}

#[test]
fn a_broken_file_is_said_and_got_over() {
    let engine = engine();
    engine.configure("{");
    let (code, out, err) = engine.run(&["ps", "-q"]);
    assert_eq!((code, out.as_str()), (0, "0123456789ab\n"));
    assert!(err.starts_with("WARNING: Error loading config file: ") && err.contains("config.json"), "{err}");
}

#[test]
fn a_fixed_version() {
    let engine = engine();
    let output = engine.command(&["ps"]).env("DOCKER_API_VERSION", "1.40").output().unwrap();
    assert!(output.status.success());
    let output = engine.command(&["ps"]).env("DOCKER_API_VERSION", "one").output().unwrap();
    assert!(!output.status.success());
}
