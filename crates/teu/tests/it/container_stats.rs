//! `stats`.

use crate::support::{BUSYBOX, engine, outcome};

fn once(engine: &teu_testkit::engine::Engine, format: &str, names: &[&str]) -> String {
    engine.run(&[&["stats", "--no-stream", "--format", format], names].concat()).unwrap()
}

#[test]
fn usage_of_a_busy_and_an_idle_container() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "busy", "-m", "64m", BUSYBOX, "sh", "-c", "while :; do :; done"]).unwrap();
    engine.run(&["run", "-d", "--name", "idle", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["create", "--name", "still", BUSYBOX, "true"]).unwrap();
    let percent = |name: &str| -> f64 {
        let text = once(&engine, "{{.CPUPerc}}", &[name]);
        text.trim().trim_end_matches('%').parse().unwrap()
    };
    assert!(percent("busy") > 10.0, "a loop uses a processor");
    assert!(percent("idle") < 5.0);
    let memory = once(&engine, "{{.Name}} {{.MemUsage}} {{.PIDs}}", &["busy"]);
    assert!(memory.starts_with("busy ") && memory.ends_with("/ 64MiB 1\n"), "{memory}");
    let all = once(&engine, "{{.Name}}", &[]);
    assert_eq!(all.lines().count(), 2, "{all}");
    let all = engine.run(&["stats", "--no-stream", "-a", "--format", "{{.Name}} {{.MemUsage}}"]).unwrap();
    assert!(all.contains("still 0B / 0B\n"), "{all}");
    let (code, _, err) = outcome(&engine, &["stats", "--no-stream", "nosuch"]);
    assert_eq!(code, 1);
    assert!(err.contains("No such container: nosuch"), "{err}");
}

#[test]
fn bytes_on_the_network_are_the_containers() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "net", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["run", "-d", "--name", "host", "--network", "host", BUSYBOX, "sleep", "1000"]).unwrap();
    let gateway = engine.run(&["inspect", "-f", "{{.NetworkSettings.Gateway}}", "net"]).unwrap();
    engine.run(&["exec", "net", "ping", "-c", "3", "-s", "1000", gateway.trim()]).unwrap();
    let text = once(&engine, "{{.NetIO}}", &["net"]);
    let kilobytes: f64 = text.split("kB").next().unwrap().parse().unwrap();
    assert!(kilobytes > 3.0, "{text}");
    assert_eq!(once(&engine, "{{.NetIO}}", &["host"]), "0B / 0B\n");
}

#[test]
fn a_stream_follows_the_container() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "web", BUSYBOX, "sleep", "1000"]).unwrap();
    let (mut child, mut lines) = engine.follow(&["stats", "--format", "{{.Name}} {{.PIDs}}"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("web 1"));
    engine.run(&["run", "-d", "--name", "late", BUSYBOX, "sleep", "1000"]).unwrap();
    assert!(lines.any(|line| line == "late 1"), "one that starts is shown");
    engine.run(&["rm", "-f", "web"]).unwrap();
    let mut quiet = 0;
    for line in lines.by_ref() {
        quiet = if line == "late 1" { quiet + 1 } else { 0 };
        if quiet == 3 {
            break;
        }
    }
    assert_eq!(quiet, 3, "one that is removed is not");
    child.kill().unwrap();
    child.wait().unwrap();
}
