//! Log drivers, each with a receiver of its own kind.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use teu_testkit::engine::Engine;

use crate::support::{BUSYBOX, engine, engine_with, inspect, outcome};

/// Long enough for a busy machine; nothing takes that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "{what} in time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a shell script in a container with log options and waits for its end.
fn run(engine: &Engine, name: &str, driver: &str, options: &[&str], script: &str) {
    let mut arguments = vec!["run", "-d", "--name", name, "--log-driver", driver];
    arguments.extend(options.iter().flat_map(|option| ["--log-opt", option]));
    arguments.extend([BUSYBOX, "sh", "-c", script]);
    engine.run(&arguments).unwrap();
    assert_eq!(engine.run(&["wait", name]).unwrap(), "0\n");
}

/// Everything a stream's first client sends, until it has sent so many bytes' worth of `wanted`.
fn collect(mut stream: impl Read, wanted: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while !wanted(&all) {
        let read = stream.read(&mut buffer).expect("read in time");
        assert!(read > 0, "the sender closed early: {}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&buffer[..read]);
    }
    all
}

/// Names in the folder of a container's logs.
fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".log") && !name.ends_with(".new")).collect();
    names.sort();
    names
}

fn local_logs(engine: &Engine, name: &str) -> PathBuf {
    let id = inspect(engine, name, "{{.Id}}");
    engine.host.path("data/containers").join(id).join("local-logs")
}

const COUNT: &str = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 $i; i=$((i+1)); done";

#[test]
fn rotated_files_are_compressed_and_read_back() {
    let Some(engine) = engine() else { return };
    for driver in ["json-file", "local"] {
        let options = ["max-size=60k", "max-file=4", "compress=true"];
        run(&engine, driver, driver, &options, COUNT);
        let folder = match driver {
            "local" => local_logs(&engine, driver),
            _ => Path::new(&inspect(&engine, driver, "{{.LogPath}}")).parent().unwrap().to_owned(),
        };
        until("compression", || files(&folder).iter().skip(1).all(|name| name.ends_with(".gz")));
        assert!(files(&folder).len() >= 3, "{:?}", files(&folder));
        let out = engine.run(&["logs", driver]).unwrap();
        let numbers: Vec<u32> = out.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
        let expected: Vec<u32> = (numbers[0]..3000).collect();
        assert!(numbers == expected && numbers.len() > 1500, "{driver}: {} lines", numbers.len());
        let tail = engine.run(&["logs", "--tail", "1400", driver]).unwrap();
        assert_eq!(tail.lines().count(), 1400);
        assert!(tail.ends_with(" 2999\n") && out.ends_with(&tail));
        let (_, out, _) = outcome(&engine, &["logs", "-t", "--tail", "1", driver]);
        assert!(out.len() > 40 && out.contains('T') && out.ends_with(" 2999\n"), "{out}");
    }
}

#[test]
fn details_are_labels_variables_and_tag() {
    let Some(engine) = engine() else { return };
    for driver in ["json-file", "local"] {
        let options =
            ["labels=a", "labels-regex=^x", "env=V", "tag={{.Name}}/{{.ImageName}}", "max-size=1m", "max-file=2"];
        let mut arguments = vec!["run", "--name", driver, "--log-driver", driver];
        arguments.extend(options.iter().flat_map(|option| ["--log-opt", option]));
        arguments.extend(["--label", "a=1", "--label", "xy=2", "--label", "b=3", "-e", "V=4", BUSYBOX, "echo", "hi"]);
        engine.run(&arguments).unwrap();
        let out = engine.run(&["logs", "--details", driver]).unwrap();
        assert_eq!(out, format!("V=4,a=1,tag={driver}/{BUSYBOX},xy=2 hi\n"));
    }
}

#[test]
fn options_are_checked_at_create() {
    let Some(engine) = engine() else { return };
    for (options, text) in [
        (&["--log-driver", "nonsense"][..], "error looking up logging plugin nonsense: plugin \"nonsense\" not found"),
        (&["--log-opt", "nonsense=1"], "unknown log opt 'nonsense' for json-file log driver"),
        (&["--log-driver", "gelf"], "gelf-address is a required parameter"),
        (
            &["--log-opt", "tag={{.Nope}}"],
            "template: log-tag:1: executing \"log-tag\" at <.Nope>: can't evaluate field Nope in type *logger.Info",
        ),
    ] {
        let (code, _, err) = outcome(&engine, &[&["create"], options, &[BUSYBOX]].concat());
        assert_eq!((code, err.lines().next()), (1, Some(format!("Error response from daemon: {text}").as_str())));
    }
    let drivers = engine.run(&["info", "--format", "{{json .Plugins.Log}}"]).unwrap();
    assert_eq!(drivers, "[\"fluentd\",\"gelf\",\"journald\",\"json-file\",\"local\",\"syslog\"]\n");
    run(&engine, "none", "none", &[], "echo hi");
    let (code, _, err) = outcome(&engine, &["logs", "none"]);
    assert_eq!(
        (code, err.as_str()),
        (1, "Error response from daemon: configured logging driver does not support reading\n")
    );
}

#[test]
fn the_daemon_has_defaults() {
    let flags = ["--log-driver", "local", "--log-opt", "max-size=1m", "--log-opt", "cache-max-file=3"];
    let Some(engine) = engine_with(&flags) else { return };
    let config = |options: &[&str]| {
        let id = engine.run(&[&["create"], options, &[BUSYBOX, "true"]].concat()).unwrap();
        inspect(&engine, id.trim(), "{{.HostConfig.LogConfig.Type}} {{json .HostConfig.LogConfig.Config}}")
    };
    assert_eq!(config(&[]), r#"local {"cache-max-file":"3","max-size":"1m"}"#);
    let own = config(&["--log-driver", "local", "--log-opt", "max-size=2m"]);
    assert_eq!(own, r#"local {"cache-max-file":"3","max-size":"2m"}"#);
    assert_eq!(config(&["--log-driver", "json-file"]), r#"json-file {"cache-max-file":"3"}"#);
    assert_eq!(engine.run(&["info", "--format", "{{.LoggingDriver}}"]).unwrap(), "local\n");
}

#[test]
fn syslog_over_datagrams_and_streams() {
    let Some(engine) = engine() else { return };
    let script = "echo one; echo two >&2; echo; echo three";
    let path = engine.host.path("syslog");
    let socket = UnixDatagram::bind(&path).unwrap();
    let udp = engine.host.in_network(|| UdpSocket::bind("127.0.0.1:0")).unwrap().unwrap();
    let tcp = engine.host.in_network(|| TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    udp.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4096];

    let address = format!("syslog-address=unixgram://{}", path.display());
    run(&engine, "local", "syslog", &[&address, "tag={{.Name}}", "syslog-facility=local0"], script);
    let mut messages: Vec<String> = (0..3)
        .map(|_| socket.recv(&mut buffer).map(|len| String::from_utf8_lossy(&buffer[..len]).into_owned()).unwrap())
        .collect();
    messages.sort_by_key(|message| message.rsplit(' ').next().map(str::to_owned));
    assert!(messages[0].starts_with("<134>") && messages[0].ends_with("]: one\n"), "{messages:?}");
    assert!(messages[0].contains(" local["), "{messages:?}");
    assert!(messages[2].starts_with("<131>") && messages[2].ends_with("]: two\n"), "{messages:?}");

    let address = format!("syslog-address=udp://{}", udp.local_addr().unwrap());
    run(&engine, "udp", "syslog", &[&address, "syslog-format=rfc5424micro", "cache-disabled=true"], "echo hello");
    let len = udp.recv(&mut buffer).unwrap();
    let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
    assert!(message.starts_with("<30>1 2") && message.ends_with(" - hello\n"), "{message}");
    let (code, _, err) = outcome(&engine, &["logs", "udp"]);
    assert!(code == 1 && err.contains("does not support reading"), "{err}");

    let address = format!("syslog-address=tcp://{}", tcp.local_addr().unwrap());
    run(&engine, "tcp", "syslog", &[&address, "syslog-format=rfc3164"], script);
    let (stream, _) = tcp.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let text = String::from_utf8(collect(stream, |all| all.iter().filter(|b| **b == b'\n').count() == 3)).unwrap();
    let id = inspect(&engine, "tcp", "{{.Id}}");
    assert!(text.contains(&format!(" {}[", &id[..12])) && text.contains("]: three\n"), "{text}");
    // What was sent can be read back.
    let (_, out, err) = outcome(&engine, &["logs", "tcp"]);
    assert_eq!((out.as_str(), err.as_str()), ("one\n\nthree\n", "two\n"));
}

/// The values of `log` in a stream of fluentd's messages.
fn fluentd_lines(bytes: &[u8]) -> Vec<String> {
    let marker = b"\xa3log";
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(4).position(|window| window == marker) {
        let len = usize::from(rest[at + 4] & 0x1f);
        assert!(matches!(rest[at + 4], 0xa0..=0xbf), "a short string");
        lines.push(String::from_utf8_lossy(&rest[at + 5..at + 5 + len]).into_owned());
        rest = &rest[at + 5 + len..];
    }
    lines
}

/// The values of `chunk`: what is to be confirmed.
fn fluentd_chunks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let marker = b"\x81\xa5chunk";
    let at = bytes.windows(7).enumerate().filter(|(_, window)| window == marker).map(|(at, _)| at + 7);
    let chunk = |at: usize| bytes.get(at..=at + usize::from(bytes.get(at)? & 0x1f)).map(<[u8]>::to_vec);
    at.filter_map(chunk).collect()
}

/// Takes messages and confirms each, until there are so many. Returns their lines.
fn fluentd_receive(mut stream: &UnixStream, count: usize) -> Vec<String> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut confirmed) = (Vec::new(), 0);
    while confirmed < count {
        let more = collect(stream, |more| !more.is_empty());
        all.extend(more);
        let chunks = fluentd_chunks(&all);
        for chunk in &chunks[confirmed..] {
            stream.write_all(&[b"\x81\xa3ack", &chunk[..]].concat()).unwrap();
        }
        confirmed = chunks.len();
    }
    fluentd_lines(&all)
}

#[test]
fn nothing_is_lost_while_the_receiver_and_the_daemon_are_away() {
    let Some(mut engine) = engine() else { return };
    let path = engine.host.path("fluentd");
    let address = format!("fluentd-address=unix://{}", path.display());
    let options = [address.as_str(), "fluentd-request-ack=true", "fluentd-retry-wait=100ms"];
    run(&engine, "box", "fluentd", &options, "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done");
    engine.kill_daemon().unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    engine.start_daemon().unwrap();
    let expected: Vec<String> = (0..500).map(|n| format!("line {n}")).collect();
    // The first connection is cut before anything is confirmed: everything comes again.
    let (first, _) = listener.accept().unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    drop(collect(first, |all| all.len() > 1000));
    let (second, _) = listener.accept().unwrap();
    assert_eq!(fluentd_receive(&second, 500), expected);
    // Confirmed: not a line comes twice, neither now nor after the next restart.
    let cursor = local_logs(&engine, "box").with_file_name("log-cursor");
    until("the cursor", || cursor.exists());
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    engine.run(&["start", "box"]).unwrap();
    let (third, _) = listener.accept().unwrap();
    assert_eq!(fluentd_receive(&third, 500), expected);
}

#[test]
fn lines_of_a_container_that_removes_itself_arrive() {
    let Some(engine) = engine() else { return };
    let listener = engine.host.in_network(|| TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
    let address = format!("gelf-address=tcp://{}", listener.local_addr().unwrap());
    let arguments = ["run", "--rm", "--log-driver", "gelf", "--log-opt", &address, "--log-opt", "labels=a"];
    engine.run(&[&arguments[..], &["--label", "a=b", "-h", "name", BUSYBOX, "echo", "hello"]].concat()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let message = String::from_utf8(collect(stream, |all| all.ends_with(b"\0"))).unwrap();
    for part in [
        "{\"version\":\"1.1\",",
        "\"short_message\":\"hello\"",
        "\"level\":6",
        "\"_a\":\"b\"",
        "\"_command\":\"echo hello\"",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    until("removal", || {
        let left = std::fs::read_dir(engine.host.path("data/containers")).unwrap().count();
        left == 0
    });
}

#[test]
fn journald_gets_fields() {
    let Some(engine) = engine() else { return };
    engine.host.sh("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal").unwrap();
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--log-driver", "journald", BUSYBOX, "true"]);
    assert!(code == 125 && err.contains("journald is not enabled on this host"), "{code}: {err}");
    let socket = UnixDatagram::bind(engine.host.root().join("run/systemd/journal/socket")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    run(&engine, "box", "journald", &["tag=mine", "env=V"], "echo hello >&2");
    let mut buffer = [0; 8192];
    let len = socket.recv(&mut buffer).unwrap();
    let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
    let id = inspect(&engine, "box", "{{.Id}}");
    for field in
        ["PRIORITY=3", "MESSAGE=hello", "CONTAINER_NAME=box", "CONTAINER_TAG=mine", &format!("CONTAINER_ID_FULL={id}")]
    {
        assert!(message.lines().any(|line| line == field), "{field} in {message}");
    }
    let (_, _, err) = outcome(&engine, &["logs", "box"]);
    assert_eq!(err, "hello\n");
}

/// A receiver that takes connections and never reads from them.
fn deaf(engine: &Engine) -> (String, Receiver<()>) {
    let listener = engine.host.in_network(|| TcpListener::bind("127.0.0.1:0")).unwrap().unwrap();
    let address = format!("syslog-address=tcp://{}", listener.local_addr().unwrap());
    let (connected, connections) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            held.push(stream);
            if connected.send(()).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

#[test]
fn a_slow_receiver_slows_its_own_container_only() {
    let Some(engine) = engine() else { return };
    let (address, connections) = deaf(&engine);
    let small = ["cache-max-size=100k", "cache-max-file=2", "cache-compress=false"];
    let log_options = |more: &[&'static str]| {
        let all = [&[address.as_str()], &small[..], more].concat();
        all.iter().flat_map(|option| ["--log-opt".to_owned(), (*option).to_owned()]).collect::<Vec<_>>()
    };
    let start = |name: &str, more: &[&'static str], script: &str| {
        let options = log_options(more);
        let mut arguments = vec!["run", "-d", "--name", name, "--log-driver", "syslog"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.extend([BUSYBOX, "sh", "-c", script]);
        engine.run(&arguments).unwrap();
    };
    start("slow", &[], "yes 0123456789012345678901234567890123456789 | head -n 1000000; sleep 1000");
    connections.recv_timeout(PATIENCE).unwrap();
    let log = engine.host.path("daemon.log");
    until("a stall", || std::fs::read_to_string(&log).unwrap().contains("has not been sent yet"));
    // Another container writes as before, and so does one that must not wait.
    let out = engine.run(&["run", "--name", "quick", BUSYBOX, "echo", "hi"]).unwrap();
    assert_eq!((out.as_str(), engine.run(&["logs", "quick"]).unwrap().as_str()), ("hi\n", "hi\n"));
    start("free", &["mode=non-blocking"], "yes 0123456789012345678901234567890123456789 | head -n 100000");
    assert_eq!(engine.run(&["wait", "free"]).unwrap(), "0\n");
    assert_eq!(inspect(&engine, "slow", "{{.State.Running}}"), "true");
}
