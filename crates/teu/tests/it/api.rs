//! The API as bytes on the socket: what clients other than ours see.

use crate::support::{BUSYBOX, engine, engine_with, text};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use teu_testkit::engine::Engine;

/// An answer: status, headers in lower case, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a request, and gives the connection on which the answer comes.
fn send(engine: &Engine, request: &str, headers: &str, body: &str) -> UnixStream {
    let mut stream = UnixStream::connect(engine.host.path("teu.sock")).expect("the engine's socket");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let text = format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n{body}");
    stream.write_all(text.as_bytes()).expect("sent");
    stream
}

fn ask(engine: &Engine, request: &str, headers: &str, body: &str) -> Answer {
    let headers = format!("Connection: close\r\n{headers}");
    let mut text = String::new();
    send(engine, request, &headers, body).read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let head = head.to_ascii_lowercase();
    let body = if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
    Answer { status, head, body }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        whole.push_str(&rest[..length]);
        body = rest[length..].trim_start_matches("\r\n");
        if length == 0 {
            break;
        }
    }
    whole
}

const JSON: &str = "Content-Type: application/json\r\n";

pub(crate) fn post(engine: &Engine, path: &str, body: &str) -> Answer {
    ask(engine, &format!("POST {path}"), JSON, body)
}

pub(crate) fn get(engine: &Engine, path: &str) -> Answer {
    ask(engine, &format!("GET {path}"), "", "")
}

#[test]
fn versions_and_refusals() {
    let Some(engine) = engine() else { return };
    for method in ["GET", "HEAD"] {
        let ping = ask(&engine, &format!("{method} /_ping"), "", "");
        assert_eq!((ping.status, ping.body.as_str()), (200, if method == "GET" { "OK" } else { "" }));
        for header in ["api-version: 1.56", "ostype: linux", "docker-experimental: false", "cache-control: no-cache"] {
            assert!(ping.head.contains(header), "{}", ping.head);
        }
    }
    assert_eq!(get(&engine, "/v1.24/version").json()["MinAPIVersion"], "1.24");
    let version = get(&engine, "/version").json();
    let commit = version["GitCommit"].as_str().unwrap();
    assert!(!commit.is_empty());
    let built = version["BuildTime"].as_str().unwrap_or_default();
    assert!(built.is_empty() || built.ends_with(".000000000+00:00"), "{built}");
    assert_eq!(version["Components"][0]["Details"]["GitCommit"], commit);
    assert_eq!(version["Components"][0]["Details"]["BuildTime"], built);
    let both = engine.run(&["version", "--format", "{{.Client.GitCommit}} {{.Server.GitCommit}}"]).unwrap();
    assert_eq!(both, format!("{commit} {commit}\n"));
    let old = get(&engine, "/v1.23/info");
    assert_eq!(old.status, 400);
    assert!(old.message().starts_with("client version 1.23 is too old. Minimum supported API version is 1.24"));
    let new = get(&engine, "/v9.9/info");
    assert_eq!(new.status, 400);
    assert!(new.message().starts_with("client version 9.9 is too new. Maximum supported API version is 1.56"));
    assert_eq!(get(&engine, "/nope").status, 404);
    assert_eq!(get(&engine, "/nope").message(), "page not found");
    let unbuilt = post(&engine, "/v1.45/networks/create", r#"{"Name":"x","Driver":"macvlan"}"#);
    assert_eq!(unbuilt.status, 501);
    assert_eq!(unbuilt.message(), "the network driver \"macvlan\" is not supported yet");
}

/// Answer to `POST /containers/{id}/run` of a new container with this command: the head, and what follows.
fn run(engine: &Engine, command: &[&str], tty: bool) -> (String, Vec<u8>) {
    let body = json!({"Image": BUSYBOX, "Cmd": command, "Tty": tty, "HostConfig": {"AutoRemove": true, "NetworkMode": "none"}});
    let id = post(engine, "/containers/create?name=ran", &body.to_string()).json()["Id"].as_str().unwrap().to_owned();
    let path = format!("POST /containers/{id}/run?stream=1&stdout=1&stderr=1&condition=removed");
    let mut answer = Vec::new();
    let mut stream = send(engine, &path, "Connection: Upgrade\r\nUpgrade: tcp\r\nUser-Agent: teu/0\r\n", "");
    // Nothing else is asked, so that the connection ends after an error, too.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(get(engine, "/containers/ran/json").status, 404, "it is gone when that is said");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let rest = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), rest)
}

#[test]
fn attach_start_and_wait_in_one_request() {
    let Some(engine) = engine() else { return };
    for tty in [false, true] {
        let (head, stream) = run(&engine, &["sh", "-c", "echo out; exit 7"], tty);
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        let (out, result) = if tty { ("out\r\n", 13) } else { ("out\n", 12) };
        assert_eq!(
            stream[..result],
            [&[1, 0, 0, 0, 0, 0, 0, u8::try_from(out.len()).unwrap()], out.as_bytes()].concat()
        );
        assert_eq!(stream[result], 4);
        let result: Value = serde_json::from_slice(&stream[result + 8..]).unwrap();
        assert_eq!((&result["StatusCode"], &result["Error"]), (&json!(7), &Value::Null));
    }
    let (head, body) = run(&engine, &["/nosuch"], false);
    assert!(head.starts_with("HTTP/1.1 400") || head.starts_with("HTTP/1.1 404"), "{head}");
    assert!(text(&body).contains("/nosuch"), "{}", text(&body));
    assert_eq!(post(&engine, "/containers/nope/run?stdout=1&condition=removed", "").status, 404);
    let wrong = post(&engine, "/containers/nope/run?stdout=1&condition=never", "");
    assert_eq!((wrong.status, wrong.message()), (400, r#"invalid condition: "never""#.to_owned()));
}

/// Answer to `POST /containers/run`: the head, and what follows.
fn create_and_run(engine: &Engine, query: &str, body: &Value, input: &str) -> (String, Vec<u8>) {
    let path = format!("POST /containers/run?stream=1&stdout=1&stderr=1&{query}");
    let headers = format!("{JSON}Connection: Upgrade\r\nUpgrade: tcp\r\nUser-Agent: teu/0\r\n");
    let mut stream = send(engine, &path, &headers, &body.to_string());
    stream.write_all(input.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let rest = answer.split_off(end);
    (String::from_utf8(answer).unwrap(), rest)
}

/// What the head of an answer says about the container that was created.
fn created(head: &str) -> String {
    let value = head.lines().find_map(|line| line.strip_prefix("Teu-Created: ")).expect("the header");
    teu_api::container::CreateResponse::from_header(value.as_bytes()).unwrap().id
}

#[test]
fn create_attach_start_and_wait_in_one_request() {
    let Some(engine) = engine() else { return };
    let host = json!({ "AutoRemove": true, "NetworkMode": "none" });
    let body = json!({ "Image": BUSYBOX, "Cmd": ["cat"], "OpenStdin": true, "StdinOnce": true, "HostConfig": host });
    let (head, stream) = create_and_run(&engine, "stdin=1&condition=removed&name=ran", &body, "through\n");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(created(&head).len(), 64);
    assert_eq!(&stream[..16], b"\x01\0\0\0\0\0\0\x08through\n");
    assert_eq!(stream[16], 4);
    assert_eq!(serde_json::from_slice::<Value>(&stream[24..]).unwrap()["StatusCode"], 0);
    assert_eq!(get(&engine, "/containers/ran/json").status, 404, "it is gone when its end is said");
    // It is created and cannot be started: the stream says why, and that is all.
    let body = json!({ "Image": BUSYBOX, "Cmd": ["/nosuch"], "HostConfig": { "NetworkMode": "none" } });
    let (head, stream) = create_and_run(&engine, "condition=next-exit&name=kept", &body, "");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(stream[0], 5);
    let message = serde_json::from_slice::<Value>(&stream[8..]).unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("/nosuch"), "{message}");
    let kept = get(&engine, "/containers/kept/json").json();
    assert_eq!((&kept["Id"], &kept["State"]["ExitCode"]), (&json!(created(&head)), &json!(127)));
    // It cannot be created: an answer like that to a creation.
    for (query, image, status) in
        [("name=kept", BUSYBOX, 409), ("", "no/such:image", 404), ("condition=no", BUSYBOX, 400)]
    {
        let body = json!({ "Image": image, "Cmd": ["true"] });
        let (head, stream) = create_and_run(&engine, query, &body, "");
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}{}", text(&stream));
        assert!(!head.contains("Teu-Created"), "{head}");
    }
    assert_eq!(post(&engine, "/containers/run", "").status, 400);
    engine.run(&["rm", "kept"]).unwrap();
}

#[test]
fn bodies_and_queries_that_are_wrong() {
    let Some(engine) = engine() else { return };
    let cases = [
        ("POST /containers/create", JSON, "{", 400, "EOF"),
        ("POST /containers/create", JSON, "[]", 400, ""),
        ("POST /containers/create", JSON, "", 400, ""),
        ("POST /containers/create", JSON, "{}", 400, "no image specified"),
        ("POST /containers/create", "", r#"{"Image":"busybox"}"#, 400, "content-type"),
        ("POST /containers/create", JSON, r#"{"Image":"nope"}"#, 404, "No such image: nope:latest"),
        (
            "POST /containers/create",
            JSON,
            r#"{"Image":"busybox","HostConfig":{"PidMode":"container:x"}}"#,
            400,
            "No such container: x",
        ),
        ("GET /containers/json?filters=%7B", "", "", 400, ""),
        ("GET /containers/json?filters=%7B%22bad%22%3A%5B%22x%22%5D%7D", "", "", 400, "invalid filter 'bad'"),
        ("GET /containers/json?limit=x", "", "", 400, ""),
        ("POST /containers/x/kill?signal=KILL", "", "", 404, "cannot kill container: x: No such container: x"),
        ("GET /containers/x/json", "", "", 404, "No such container: x"),
        ("GET /containers/x/logs", "", "", 400, "you must choose at least one stream"),
        ("GET /exec/x/json", "", "", 404, "No such exec instance: x"),
    ];
    for (request, headers, body, status, words) in cases {
        let answer = ask(&engine, request, headers, body);
        assert_eq!(answer.status, status, "{request} {body}: {}", answer.body);
        let message = answer.message();
        assert!(!message.is_empty(), "{request}");
        assert!(message.to_lowercase().contains(&words.to_lowercase()), "{request} {body}: {message}");
    }
}

/// Fields that Docker shows as `null`, as nothing, or filled in at creation.
#[test]
fn a_created_container_has_dockers_shape() {
    let Some(engine) = engine() else { return };
    let body = json!({
        "Image": BUSYBOX, "Cmd": ["true"], "Env": [], "Volumes": {},
        "HostConfig": {"Memory": 64 << 20, "MemorySwappiness": -1, "PidsLimit": 0, "Tmpfs": {"/t": ""}},
    });
    let created = post(&engine, "/v1.45/containers/create?name=box", &body.to_string());
    assert_eq!((created.status, &created.json()["Warnings"]), (201, &json!([])));
    let shape = get(&engine, "/v1.45/containers/box/json").json();
    let fields = [
        ("/Config/Volumes", Value::Null),
        ("/Config/Labels", json!({})),
        ("/Mounts", json!([])),
        ("/HostConfig/MemorySwap", json!(128 << 20)),
        ("/HostConfig/MemorySwappiness", Value::Null),
        ("/HostConfig/PidsLimit", Value::Null),
        ("/HostConfig/Tmpfs", json!({"/t": ""})),
        ("/HostConfig/ReadonlyPaths/0", json!("/proc/bus")),
        ("/HostConfig/NetworkMode", json!("bridge")),
        ("/State/Status", json!("created")),
        ("/State/StartedAt", json!("0001-01-01T00:00:00Z")),
    ];
    for (place, expected) in fields {
        assert_eq!(shape.pointer(place), Some(&expected), "{place}");
    }
    let network = "/NetworkSettings/Networks/bridge/NetworkID";
    assert_eq!(shape.pointer(network), Some(&json!("")), "it was in none yet");
    engine.run(&["start", "-a", "box"]).unwrap();
    let over = get(&engine, "/v1.45/containers/box/json").json();
    assert_eq!(over.pointer(network), get(&engine, "/v1.45/networks/bridge").json().pointer("/Id"));
    assert!(
        shape.pointer("/HostConfig/MaskedPaths").is_some_and(|paths| paths.as_array().is_some_and(|p| p.len() > 9))
    );
}

/// A client whose HTTP library reads the head in large pieces, as docker-py's does, and takes the stream from the socket.
#[test]
fn output_does_not_come_in_one_piece_with_the_head() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    for _ in 0..10 {
        let exec = post(&engine, "/containers/box/exec", r#"{"AttachStdout":true,"Cmd":["echo","hi"]}"#);
        let id = exec.json()["Id"].as_str().expect("an id").to_owned();
        let upgrade = format!("Connection: Upgrade\r\nUpgrade: tcp\r\n{JSON}");
        let mut stream = send(&engine, &format!("POST /exec/{id}/start"), &upgrade, r#"{"Detach":false,"Tty":false}"#);
        let mut piece = [0; 8192];
        let count = stream.read(&mut piece).expect("the head");
        let head = String::from_utf8_lossy(&piece[..count]).into_owned();
        assert!(head.starts_with("HTTP/1.1 101 UPGRADED") && head.ends_with("\r\n\r\n"), "{head:?}");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the stream");
        assert_eq!(rest, b"\x01\0\0\0\0\0\0\x03hi\n");
    }
}

/// Docker frames the output of an exec by what its start says, whatever it was created with.
#[test]
fn the_start_of_an_exec_decides_about_frames() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let upgrade = format!("Connection: Upgrade\r\nUpgrade: tcp\r\n{JSON}");
    let cases: [(bool, bool, &[u8]); 4] = [
        (false, false, b"\x01\0\0\0\0\0\0\x03hi\n"),
        (false, true, b"hi\n"),
        (true, false, b"\x01\0\0\0\0\0\0\x04hi\r\n"),
        (true, true, b"hi\r\n"),
    ];
    for (created, started, expected) in cases {
        let request = json!({"AttachStdout": true, "Tty": created, "Cmd": ["echo", "hi"]});
        let exec = post(&engine, "/containers/box/exec", &request.to_string()).json();
        let path = format!("POST /exec/{}/start", exec["Id"].as_str().expect("an id"));
        let mut all = Vec::new();
        let body = json!({"Tty": started}).to_string();
        send(&engine, &path, &upgrade, &body).read_to_end(&mut all).expect("a stream");
        let head = all.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
        assert_eq!(&all[head..], expected, "created with {created}, started with {started}");
    }
}

/// Who attaches to the input alone stays until the detach keys, and is then cut off at once.
#[test]
fn detach_keys_end_the_connection() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-dit", "--name", "box", BUSYBOX, "cat"]).unwrap();
    let request = json!({"AttachStdin": true, "Tty": true, "Cmd": ["cat"], "detachKeys": "ctrl-a,x"});
    let exec = post(&engine, "/containers/box/exec", &request.to_string()).json();
    let exec = exec["Id"].as_str().expect("an id");
    assert_eq!(get(&engine, &format!("/exec/{exec}/json")).json()["DetachKeys"], "AXg=");
    let attach = "/containers/box/attach?stdin=1&stream=1&detachKeys=ctrl-a,x";
    for (path, body) in [(attach, ""), (&format!("/exec/{exec}/start"), r#"{"Tty":true}"#)] {
        let upgrade = format!("Connection: Upgrade\r\nUpgrade: tcp\r\n{JSON}");
        let mut stream = send(&engine, &format!("POST {path}"), &upgrade, body);
        let mut head = [0; 512];
        let count = stream.read(&mut head).expect("a head");
        assert!(head[..count].starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head[..count]));
        stream.write_all(b"\x01").expect("it is attached");
        stream.write_all(b"x").expect("it is attached");
        stream.read_to_end(&mut Vec::new()).expect("an end");
        // The end of the output comes first.
        let refused = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            stream.write_all(b"more").is_err()
        });
        assert!(refused, "{path}: the connection is closed");
    }
    assert_eq!(get(&engine, "/containers/box/json").json()["State"]["Running"], true);
}

#[test]
fn top_of_what_does_not_run_is_a_conflict() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--name", "created", BUSYBOX, "true"]).unwrap();
    engine.run(&["run", "--name", "ended", BUSYBOX, "true"]).unwrap();
    for minor in 24..=52 {
        for name in ["created", "ended"] {
            let id = get(&engine, &format!("/containers/{name}/json")).json()["Id"].as_str().unwrap().to_owned();
            for query in ["", "?ps_args=aux"] {
                let answer = get(&engine, &format!("/v1.{minor}/containers/{name}/top{query}"));
                assert_eq!(answer.status, 409, "1.{minor} {name}{query}: {}", answer.message());
                assert_eq!(answer.message(), format!("container {id} is not running"));
            }
        }
    }
    // Of one that ends while it is asked, the answer is its processes or that it does not run.
    for _ in 0..10 {
        engine.run(&["run", "-d", "--name", "ending", BUSYBOX, "sleep", "0.02"]).unwrap();
        let last = loop {
            let answer = get(&engine, "/containers/ending/top");
            if answer.status != 200 {
                break answer;
            }
        };
        assert_eq!(last.status, 409, "{}", last.message());
        assert!(last.message().ends_with(" is not running"), "{}", last.message());
        assert_eq!(
            get(&engine, "/containers/ending/json").json()["State"]["Running"],
            false,
            "whoever is told sees it"
        );
        engine.run(&["rm", "ending"]).unwrap();
    }
}

/// Docker has upgraded the connection by the time it finds out: the reason is output, the code is in inspect.
#[test]
fn an_exec_that_cannot_start_says_why_on_its_stream() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let cases = [
        (json!({"AttachStdout": true, "Cmd": ["id"], "User": "nobody2"}), "unable to find user nobody2", 126),
        (json!({"AttachStdout": true, "Cmd": ["nope"]}), "executable file not found in $PATH", 127),
    ];
    for (request, words, code) in cases {
        let exec = post(&engine, "/containers/box/exec", &request.to_string()).json();
        let id = exec["Id"].as_str().expect("an id");
        let upgrade = format!("Connection: Upgrade\r\nUpgrade: tcp\r\n{JSON}");
        let mut all = Vec::new();
        send(&engine, &format!("POST /exec/{id}/start"), &upgrade, "{}").read_to_end(&mut all).expect("a stream");
        let text = String::from_utf8_lossy(&all);
        assert!(text.starts_with("HTTP/1.1 101") && text.contains(words), "{text}");
        assert_eq!(get(&engine, &format!("/exec/{id}/json")).json()["ExitCode"], code);
    }
}

#[test]
fn published_and_exposed_ports_as_filters() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "web", "-p", "18081:80", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["create", "--name", "idle", "-p", "18082:80", BUSYBOX, "true"]).unwrap();
    let names = |filter: &str| engine.run(&["ps", "-a", "--format", "{{.Names}}", "--filter", filter]).unwrap();
    assert_eq!(names("publish=18081"), "web\n");
    assert_eq!(names("publish=18000-18100/tcp"), "web\n");
    assert_eq!(names("publish=80"), "");
    assert_eq!(names("expose=80/tcp"), "web\n");
}

#[test]
fn settings_of_a_file_and_of_the_command_line() {
    let Some(engine) = engine_with(&["--max-concurrent-downloads", "1"]) else { return };
    let file = engine.host.path("daemon.json");
    let check = |text: &str, flags: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_teu"))
            .args(["daemon", "--validate", "--config-file"])
            .arg(&file)
            .args(flags)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, said) = check(r#"{"debug": true, "max-concurrent-downloads": 5}"#, &[]);
    assert!(good && said.contains("configuration OK"), "{said}");
    for (text, flags, words) in [
        (r#"{"debug": true"#, &[][..], "EOF"),
        (r#"{"nope": true}"#, &[], "nope"),
        (r#"{"debug": 3}"#, &[], "debug: 3 is no boolean"),
        (r#"{"max-concurrent-downloads": -1}"#, &[], "invalid max concurrent downloads: -1"),
        (r#"{"log-level": "loud"}"#, &[], "invalid logging level: loud"),
        (r#"{"data-root": "/a"}"#, &["--data-root", "/b"], "specified both as a flag and in the configuration file"),
    ] {
        let (good, said) = check(text, flags);
        assert!(!good && said.contains(words), "{text} {flags:?}: {said}");
    }
}
