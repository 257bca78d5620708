//! Containers find each other by name.

use crate::support::{BUSYBOX, engine, inspect, sh};
use teu_testkit::engine::Engine;

const SLEEP: [&str; 3] = [BUSYBOX, "sleep", "1000"];

fn start(engine: &Engine, name: &str, flags: &[&str]) {
    engine.run(&[&["run", "-d", "--name", name], flags, &SLEEP].concat()).unwrap();
}

/// The addresses that a container is told for a name, one on a line.
fn lookup(engine: &Engine, container: &str, name: &str) -> String {
    let script = format!("nslookup {name} 127.0.0.11 2>/dev/null | sed -n 's/^Address: //p'");
    engine.run(&["exec", container, "sh", "-c", &script]).unwrap().trim().to_owned()
}

#[test]
fn names_follow_containers() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    engine.run(&["network", "create", "back"]).unwrap();
    start(&engine, "web", &["--network", "front", "--network-alias", "www", "--hostname", "one"]);
    start(&engine, "box", &["--network", "front", "--link", "web:site"]);
    start(&engine, "far", &["--network", "back"]);
    let address = inspect(&engine, "web", "{{.NetworkSettings.Networks.front.IPAddress}}");
    let short = inspect(&engine, "web", "{{slice .Id 0 12}}");
    for name in ["web", "www", "WEB", "one", "site", "web.front", short.as_str()] {
        assert_eq!(lookup(&engine, "box", name), address, "{name}");
    }
    assert_eq!(lookup(&engine, "far", "web"), "");
    let names = inspect(&engine, "web", "{{json .NetworkSettings.Networks.front.DNSNames}}");
    assert_eq!(names, format!(r#"["web","www","{short}","one"]"#));
    // By way of the program's own resolver, as everybody does it.
    assert!(sh(&engine, &["--network", "front"], "ping -c 1 www").contains(&address));
    let file = engine.run(&["exec", "box", "cat", "/etc/resolv.conf"]).unwrap();
    assert!(file.starts_with("nameserver 127.0.0.11\n") && file.contains("ndots:0"), "{file}");

    engine.run(&["rename", "web", "shop"]).unwrap();
    assert_eq!(lookup(&engine, "box", "shop"), address);
    assert_eq!(lookup(&engine, "box", "web"), "");
    engine.run(&["stop", "-t", "0", "shop"]).unwrap();
    assert_eq!(lookup(&engine, "box", "www"), "");
    // Compose removes a network only if nobody is shown there.
    let there = engine.run(&["network", "inspect", "-f", "{{len .Containers}}", "front"]).unwrap();
    assert_eq!(there, "1\n");
    engine.run(&["start", "shop"]).unwrap();
    let address = inspect(&engine, "shop", "{{.NetworkSettings.Networks.front.IPAddress}}");
    assert_eq!(lookup(&engine, "box", "www"), address);
}

/// Several containers of one name, and a container that serves port 53 itself.
#[test]
fn one_name_for_several() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    for name in ["aa", "bb"] {
        start(&engine, name, &["--network", "front", "--network-alias", "pool"]);
    }
    let script = "nc -l -p 53 -e echo taken & nslookup pool 127.0.0.11 | grep -c 'Address: 172'";
    assert_eq!(sh(&engine, &["--network", "front"], script), "2\n");
    // Users of a user namespace see no difference, nor do those who share a network.
    assert_eq!(sh(&engine, &["--network", "container:aa", "--user", "33"], "nslookup bb | grep -c 'Name:.*bb'"), "1\n");
}

#[test]
fn others_are_asked_from_where_they_are_named() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    // Its own server, for it is asked from inside: nobody answers there, and it is not the host's that does.
    let script = "timeout 20 nslookup nosuch.example 127.0.0.11";
    let out = sh(&engine, &["--network", "front", "--dns", "127.0.0.1"], &format!("{script} || true"));
    assert!(out.contains("SERVFAIL"), "{out}");
}
