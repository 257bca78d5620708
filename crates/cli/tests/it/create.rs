//! What flags of `run` and `create` become in the request.

use serde_json::{Value, json};

use crate::engine::Engine;

/// The body of the create request that a command line sends.
fn created(flags: &[&str]) -> Value {
    let engine = Engine::new(&[("POST /containers/create", 201, r#"{"Id":"abc","Warnings":[]}"#)]);
    let arguments = [&["create"], flags, &["busybox", "true"]].concat();
    let (code, out, err) = engine.run(&arguments);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "abc\n", ""), "{flags:?}");
    let requests = engine.requests();
    let request = requests.iter().find(|request| request.line.starts_with("POST /containers/create")).unwrap();
    serde_json::from_str(&request.body).unwrap()
}

/// Flags, a place in the request, and what is there.
fn table() -> Vec<(&'static [&'static str], &'static str, Value)> {
    vec![
        (&[], "/Image", json!("busybox")),
        (&[], "/Cmd", json!(["true"])),
        (&["-e", "A=1", "-e", "B="], "/Env", json!(["A=1", "B="])),
        (&["-l", "a=b", "--label", "c"], "/Labels", json!({"a": "b", "c": ""})),
        (&["-w", "/w", "-u", "1:2"], "/User", json!("1:2")),
        (&["-h", "name"], "/Hostname", json!("name")),
        (&["-it"], "/OpenStdin", json!(true)),
        (&["-it"], "/Tty", json!(true)),
        (&["--entrypoint", "x"], "/Entrypoint", json!(["x"])),
        (&["--stop-signal", "INT", "--stop-timeout", "3"], "/StopTimeout", json!(3)),
        (&["-m", "64m"], "/HostConfig/Memory", json!(64 << 20)),
        (&["--memory-swap", "-1", "-m", "1g"], "/HostConfig/MemorySwap", json!(-1)),
        (&["--cpus", "1.5"], "/HostConfig/NanoCpus", json!(1_500_000_000)),
        (&["-c", "512", "--cpuset-cpus", "0-1"], "/HostConfig/CpuShares", json!(512)),
        (&["--pids-limit", "9"], "/HostConfig/PidsLimit", json!(9)),
        (&["-v", "/a:/b:ro", "-v", "vol:/c"], "/HostConfig/Binds", json!(["/a:/b:ro", "vol:/c"])),
        (&["--tmpfs", "/t:size=1m"], "/HostConfig/Tmpfs", json!({"/t": "size=1m"})),
        (&["--read-only"], "/HostConfig/ReadonlyRootfs", json!(true)),
        (&["--rm"], "/HostConfig/AutoRemove", json!(true)),
        (&["--privileged"], "/HostConfig/Privileged", json!(true)),
        (&["--cap-add", "NET_ADMIN", "--cap-drop", "ALL"], "/HostConfig/CapAdd", json!(["CAP_NET_ADMIN"])),
        (
            &["--restart", "on-failure:3"],
            "/HostConfig/RestartPolicy",
            json!({"Name": "on-failure", "MaximumRetryCount": 3}),
        ),
        (&["--network", "host"], "/HostConfig/NetworkMode", json!("host")),
        (&["--dns", "9.9.9.9"], "/HostConfig/Dns", json!(["9.9.9.9"])),
        (&["--add-host", "a:1.2.3.4"], "/HostConfig/ExtraHosts", json!(["a:1.2.3.4"])),
        (&["-p", "8080:80"], "/HostConfig/PortBindings", json!({"80/tcp": [{"HostIp": "", "HostPort": "8080"}]})),
        (
            &["-p", "127.0.0.1::53/udp"],
            "/HostConfig/PortBindings",
            json!({"53/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}),
        ),
        (&["-p", "8000-8001:80-81"], "/ExposedPorts", json!({"80/tcp": {}, "81/tcp": {}})),
        (&["--expose", "7-8/udp"], "/ExposedPorts", json!({"7/udp": {}, "8/udp": {}})),
        (&["-P"], "/HostConfig/PublishAllPorts", json!(true)),
        (&["--ulimit", "nofile=1:2"], "/HostConfig/Ulimits", json!([{"Name": "nofile", "Soft": 1, "Hard": 2}])),
        (&["--sysctl", "net.a=1"], "/HostConfig/Sysctls", json!({"net.a": "1"})),
        (&["--shm-size", "1m"], "/HostConfig/ShmSize", json!(1 << 20)),
        (&["--log-driver", "none"], "/HostConfig/LogConfig/Type", json!("none")),
        (&["--log-opt", "max-size=1m"], "/HostConfig/LogConfig/Config", json!({"max-size": "1m"})),
        (
            &["--device", "/dev/null:/dev/x:r"],
            "/HostConfig/Devices/0",
            json!({"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}),
        ),
        (&["--pid", "host", "--ipc", "host", "--uts", "host"], "/HostConfig/PidMode", json!("host")),
        (&["--security-opt", "no-new-privileges"], "/HostConfig/SecurityOpt", json!(["no-new-privileges"])),
        (&["--group-add", "5"], "/HostConfig/GroupAdd", json!(["5"])),
        (&["--init"], "/HostConfig/Init", json!(true)),
        (&["--health-cmd", "x", "--health-interval", "2s"], "/Healthcheck/Test", json!(["CMD-SHELL", "x"])),
        (&["--no-healthcheck"], "/Healthcheck/Test", json!(["NONE"])),
        (&["--mount", "type=bind,src=/a,dst=/b,readonly"], "/HostConfig/Mounts/0/ReadOnly", json!(true)),
        (&["--runtime", "runc"], "/HostConfig/Runtime", json!("runc")),
    ]
}

#[test]
fn flags_become_fields() {
    for (flags, place, expected) in table() {
        let body = created(flags);
        assert_eq!(body.pointer(place), Some(&expected), "{flags:?} {place}\n{body:#}");
    }
}

#[test]
fn what_follows_the_image_is_the_containers() {
    let engine = Engine::new(&[("POST /containers/create", 201, r#"{"Id":"abc","Warnings":["careful"]}"#)]);
    let (code, out, err) = engine.run(&["create", "--name", "web", "busybox", "ls", "-l", "--rm", "--", "x"]);
    assert_eq!((code, out.as_str()), (0, "abc\n"));
    assert_eq!(err, "WARNING: careful\n");
    let requests = engine.requests();
    let request = requests.iter().find(|request| request.line.starts_with("POST")).unwrap();
    assert!(request.line.contains("name=web"), "{}", request.line);
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["Cmd"], json!(["ls", "-l", "--rm", "--", "x"]));
}

#[test]
fn an_engine_that_does_not_create_and_run_in_one_request() {
    let engine = Engine::new(&[
        ("HEAD /_ping", 200, ""),
        ("POST /containers/create", 201, r#"{"Id":"abc","Warnings":[]}"#),
        ("POST /containers/abc/wait", 200, r#"{"StatusCode":4}"#),
        ("POST /containers/abc/attach", 200, ""),
        ("POST /containers/abc/start", 204, ""),
    ]);
    let (code, _, err) = engine.run(&["run", "busybox"]);
    assert_eq!((code, err.as_str()), (4, ""));
    let asked: Vec<(String, String)> =
        engine.requests().into_iter().map(|request| (request.line, request.version)).collect();
    assert!(asked[0].0.starts_with("POST /containers/run?") && asked[0].1.is_empty(), "{asked:?}");
    // It did not say which version it speaks: the next request finds out.
    assert!(asked[1..].iter().all(|(_, version)| version == "v1.56"), "{asked:?}");
}
