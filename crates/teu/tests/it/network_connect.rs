//! Containers that join networks and leave them, and those on several.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};
use teu_testkit::engine::Engine;

const SERVER: &str = "mkdir -p /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www";

fn networks(engine: &Engine, names: &[&str]) {
    names.iter().for_each(|name| drop(engine.run(&["network", "create", name]).unwrap()));
}

fn exec(engine: &Engine, container: &str, script: &str) -> String {
    engine.run(&["exec", container, "sh", "-c", script]).unwrap()
}

#[test]
fn while_it_runs() {
    let Some(mut engine) = engine() else { return };
    networks(&engine, &["front", "back"]);
    let server = [BUSYBOX, "sh", "-c", SERVER];
    engine.run(&[&["run", "-d", "--name", "web", "--hostname", "one", "-p", "8080:80"], &server[..]].concat()).unwrap();
    engine.run(&["run", "-d", "--name", "box", "--network", "front", BUSYBOX, "sleep", "1000"]).unwrap();
    let fetch = |engine: &Engine, name: &str| {
        let script =
            format!("for i in $(seq 50); do timeout 2 wget -qO- http://{name}/ && exit 0; usleep 100000; done; exit 1");
        exec(engine, "box", &script)
    };
    engine.run(&["network", "connect", "--alias", "www", "front", "web"]).unwrap();
    assert_eq!(fetch(&engine, "www"), "one\n");
    assert_eq!(inspect(&engine, "web", "{{len .NetworkSettings.Networks}}"), "2");
    // It was on the default network, where nobody has a name: now it asks, too.
    assert!(exec(&engine, "web", "cat /etc/resolv.conf; nslookup box").contains("127.0.0.11"));
    assert!(exec(&engine, "web", "cat /etc/hosts").matches("\tone\n").count() == 2);
    let (code, _, err) = outcome(&engine, &["network", "connect", "front", "web"]);
    assert!(code == 1 && err.contains("endpoint with name web already exists in network front"), "{err}");

    // Both links are known to the next engine.
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(fetch(&engine, "web"), "one\n");
    assert_eq!(engine.host.sh("timeout 5 busybox wget -qO- http://127.0.0.1:8080/").unwrap(), "one\n");
    engine.run(&["network", "disconnect", "bridge", "web"]).unwrap();
    assert!(exec(&engine, "web", "ip route").contains("dev eth1"));
    assert_eq!(engine.host.sh("timeout 5 busybox wget -qO- http://127.0.0.1:8080/").unwrap(), "one\n", "ports move");

    engine.run(&["restart", "-t", "0", "web"]).unwrap();
    assert_eq!(inspect(&engine, "web", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"), "front");
    assert_eq!(fetch(&engine, "www"), "one\n");
    engine.run(&["network", "disconnect", "-f", "front", "web"]).unwrap();
    assert_eq!(exec(&engine, "web", "ls /sys/class/net"), "lo\n");
    // On no network at all, and then on one again, under the next engine.
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    engine.run(&["network", "connect", "back", "web"]).unwrap();
    assert_eq!(inspect(&engine, "web", "{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}"), "8080");
    assert_eq!(engine.host.sh("timeout 5 busybox wget -qO- http://127.0.0.1:8080/").unwrap(), "one\n");
    engine.run(&["rm", "-f", "web", "box"]).unwrap();
    engine.run(&["network", "rm", "front", "back"]).unwrap();
}

#[test]
fn several_from_the_start() {
    let Some(engine) = engine() else { return };
    networks(&engine, &["b-net", "a-net", "c-net"]);
    let on = |more: &[&str]| {
        let flags = [&["--network", "b-net", "--network", "a-net"], more].concat();
        sh(&engine, &flags, "ip route | sed -n 's/default.*dev \\(eth.\\).*/\\1/p'; ls /sys/class/net | grep -c eth")
    };
    // The first by name leads outside, or that with the highest priority.
    assert_eq!(on(&[]), "eth1\n2\n");
    assert_eq!(on(&["--network", "name=c-net,gw-priority=7"]), "eth2\n3\n");
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--network", "a-net", "--network", "host", BUSYBOX, "true"]);
    assert!(code == 125 && err.contains("conflicting options"), "{err}");
}

#[test]
fn from_the_next_start_on() {
    let Some(engine) = engine() else { return };
    networks(&engine, &["front", "back"]);
    engine.run(&["create", "--name", "box", "--network", "front", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["network", "connect", "--alias", "x", "back", "box"]).unwrap();
    engine.run(&["network", "disconnect", "front", "box"]).unwrap();
    let (_, _, err) = outcome(&engine, &["network", "disconnect", "front", "box"]);
    assert!(err.contains("is not connected to the network front"), "{err}");
    engine.run(&["start", "box"]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{json .NetworkSettings.Networks.back.Aliases}}"), "[\"x\"]");
    for (network, text) in [
        ("host", "container cannot be disconnected from host network or connected to host network"),
        ("none", "container cannot be connected to multiple networks with one of the networks in private (none) mode"),
        ("nosuch", "network nosuch not found"),
    ] {
        let (code, _, err) = outcome(&engine, &["network", "connect", network, "box"]);
        assert!(code == 1 && err.contains(text), "{network}: {err}");
    }
}

/// A network by its id is the network, and what is said of it belongs to it.
#[test]
fn by_id() {
    let Some(engine) = engine() else { return };
    let id = engine.run(&["network", "create", "front"]).unwrap();
    let id = id.trim();
    engine.run(&["run", "-d", "--name", "web", "--network", id, BUSYBOX, "sleep", "1000"]).unwrap();
    let look = "nslookup site | grep -c Name:.*site; cat /etc/resolv.conf | head -1";
    assert_eq!(sh(&engine, &["--network", &id[..12], "--link", "web:site"], look), "1\nnameserver 127.0.0.11\n");
    let shown = inspect(&engine, "web", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}");
    assert_eq!(shown, "front");
    assert_eq!(engine.run(&["ps", "-q", "--filter", &format!("network={id}")]).unwrap().lines().count(), 1);
    let bridge = engine.run(&["network", "ls", "-q", "--filter", "name=bridge"]).unwrap();
    let file = sh(&engine, &["--network", bridge.trim()], "cat /etc/resolv.conf");
    assert!(!file.contains("127.0.0.11"), "{file}");
}

/// No way out, no way in, but to each other.
#[test]
fn internal_and_apart() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "--internal", "vault"]).unwrap();
    engine.run(&["network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "cells"]).unwrap();
    networks(&engine, &["front"]);
    for (name, network) in [("safe", "vault"), ("cell", "cells"), ("web", "front")] {
        let head = ["run", "-d", "--name", name, "--hostname", name, "--network", network];
        engine.run(&[&head[..], &[BUSYBOX, "sh", "-c", SERVER]].concat()).unwrap();
    }
    let address = |name: &str, network: &str| {
        inspect(&engine, name, &format!("{{{{.NetworkSettings.Networks.{network}.IPAddress}}}}"))
    };
    let reaches = |network: &str, target: &str, tries: u32| {
        let fetch = format!("timeout 2 wget -qO- http://{target}/ >/dev/null 2>&1");
        let script = format!("for i in $(seq {tries}); do {fetch} && echo yes && exit; usleep 100000; done; echo no");
        sh(&engine, &["--network", network], &script)
    };
    assert_eq!(reaches("vault", "safe", 50), "yes\n");
    assert_eq!(reaches("front", "web", 50), "yes\n");
    assert_eq!(reaches("cells", "cell", 1), "no\n");
    assert_eq!(reaches("front", &address("safe", "vault"), 1), "no\n");
    assert_eq!(reaches("vault", &address("web", "front"), 1), "no\n");
    assert_eq!(sh(&engine, &["--network", "vault"], "ip route | grep -c default || true"), "0\n");
}
