//! Networks that users define: made, shown, removed, and there again after a crash.

use serde_json::Value;

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};
use teu_testkit::engine::Engine;

fn shown(engine: &Engine, network: &str) -> Value {
    let text = engine.run(&["network", "inspect", network]).unwrap();
    let mut all: Vec<Value> = serde_json::from_str(&text).unwrap();
    all.remove(0)
}

/// Names of the bridges that there are.
fn bridges(engine: &Engine) -> Vec<String> {
    let out = engine.host.sh("ip -o link show type bridge | cut -d: -f2").unwrap();
    out.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn made_as_asked_and_shown() {
    let Some(engine) = engine() else { return };
    let flags = [
        "--subnet=10.66.0.0/24",
        "--ip-range=10.66.0.128/25",
        "--gateway=10.66.0.9",
        "--aux-address=router=10.66.0.129",
        "--label=a=b",
        "--attachable",
        "-o=com.docker.network.driver.mtu=1300",
        "-o=com.docker.network.bridge.name=front0",
    ];
    let id = engine.run(&[&["network", "create"], &flags[..], &["front"]].concat()).unwrap();
    let network = shown(&engine, "front");
    assert_eq!(network["Id"], id.trim());
    assert_eq!((&network["Scope"], &network["Driver"]), (&"local".into(), &"bridge".into()));
    assert_eq!(network["Attachable"], true);
    assert_eq!(network["Labels"]["a"], "b");
    let row = &network["IPAM"]["Config"][0];
    assert_eq!((&row["Subnet"], &row["IPRange"]), (&"10.66.0.0/24".into(), &"10.66.0.128/25".into()));
    assert_eq!((&row["Gateway"], &row["AuxiliaryAddresses"]["router"]), (&"10.66.0.9".into(), &"10.66.0.129".into()));
    let script = "ip -4 -o addr show eth0; ip route; cat /sys/class/net/eth0/mtu";
    let inside = sh(&engine, &["--network", "front"], script);
    assert!(inside.contains("10.66.0.1") && inside.contains("default via 10.66.0.9"), "{inside}");
    assert!(inside.ends_with("1300\n") && !inside.contains("10.66.0.129/"), "{inside}");
    let wished = sh(&engine, &["--network", "front", "--ip", "10.66.0.77"], "ip -4 -o addr show eth0");
    assert!(wished.contains("10.66.0.77/24"), "{wished}");

    let listed = engine.run(&["network", "ls", "-q", "--no-trunc", "-f", "type=custom"]).unwrap();
    assert_eq!(listed, id);
    assert_eq!(engine.run(&["network", "rm", "front"]).unwrap(), "front\n");
    assert!(!bridges(&engine).contains(&"front0".to_owned()));
    assert_eq!(outcome(&engine, &["network", "rm", "-f", "front"]), (0, String::new(), String::new()));
}

#[test]
fn refused() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    for (arguments, text) in [
        (&["create", "front"][..], "network with name front already exists"),
        (&["create", "bridge"], "operation is not permitted on predefined bridge network"),
        (&["create", "-d", "macvlan", "x"], "the network driver \"macvlan\" is not supported yet"),
        (&["create", "-d", "nosuch", "x"], "plugin \"nosuch\" not found"),
        (&["create", "--subnet", "10.5.0.1/24", "x"], "invalid subnet 10.5.0.1/24: it should be 10.5.0.0/24"),
        (&["create", "--gateway", "10.5.0.1", "x"], "every ip-range or gateway must have a corresponding subnet"),
        (&["create", "-o", "com.docker.network.bridge.gateway_mode_ipv4=routed", "x"], "is not supported yet"),
        (&["rm", "bridge"], "bridge is a pre-defined network and cannot be removed"),
        (&["rm", "nosuch"], "network nosuch not found"),
    ] {
        let (code, _, err) = outcome(&engine, &[&["network"], arguments].concat());
        assert_ne!(code, 0, "{arguments:?}");
        assert!(err.contains(text), "{arguments:?}: {err}");
    }
    engine.run(&["run", "-d", "--name", "box", "--network", "front", BUSYBOX, "sleep", "1000"]).unwrap();
    let (code, _, err) = outcome(&engine, &["network", "rm", "front"]);
    assert!(code == 1 && err.contains("has active endpoints"), "{err}");
    // A wish needs a subnet that somebody chose.
    let (_, _, err) = outcome(&engine, &["create", "--network", "front", "--ip", "172.18.0.9", BUSYBOX]);
    assert!(err.contains("only when connecting to networks with user configured subnets"), "{err}");
}

/// Networks and those who are on them outlive the engine; what was half made or half removed goes.
#[test]
fn killed_and_back() {
    let Some(mut engine) = engine() else { return };
    let id = engine.run(&["network", "create", "--internal", "back"]).unwrap();
    engine.run(&["network", "create", "front"]).unwrap();
    let arguments = ["run", "-d", "--name", "web", "--network", "front", "--network-alias", "www", "-p", "8080:80"];
    engine.run(&[&arguments[..], &[BUSYBOX, "sh", "-c", "httpd -p 80; sleep 1000"]].concat()).unwrap();
    let address = inspect(&engine, "web", "{{.NetworkSettings.Networks.front.IPAddress}}");
    engine.kill_daemon().unwrap();
    // As if it had died before it stored a network that it made.
    let mark = "network of teu0: 0123";
    engine.host.sh(&format!("ip link add teu-0123 type bridge; ip link set teu-0123 alias '{mark}'")).unwrap();
    engine.start_daemon().unwrap();
    assert!(!bridges(&engine).contains(&"teu-0123".to_owned()));
    assert_eq!(shown(&engine, "back")["Id"], id.trim());
    assert_eq!(shown(&engine, "back")["Internal"], true);
    let front = shown(&engine, "front");
    let there: Vec<&Value> = front["Containers"].as_object().unwrap().values().collect();
    assert_eq!((there.len(), &there[0]["Name"]), (1, &"web".into()));
    // It has a name for others, and a name server itself.
    let found = |name: &str| format!("nslookup {name} | grep -c 'Address: {address}'");
    assert_eq!(sh(&engine, &["--network", "front"], &found("www")), "1\n");
    assert_eq!(engine.run(&["exec", "web", "sh", "-c", &found("web")]).unwrap(), "1\n");
    engine.host.sh("timeout 5 busybox wget -S -O- http://127.0.0.1:8080/ 2>&1 | grep 404").unwrap();
    engine.run(&["rm", "-f", "web"]).unwrap();
    engine.run(&["network", "rm", "front", "back"]).unwrap();
    let left: Vec<String> = bridges(&engine).into_iter().filter(|name| name.starts_with("teu-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A machine that starts anew has no bridges: they are made again, with those who are to be on them.
#[test]
fn after_a_reboot() {
    let Some(mut engine) = engine() else { return };
    engine.run(&["network", "create", "--subnet", "10.66.0.0/24", "front"]).unwrap();
    let flags = ["--restart", "always", "--network", "front", "--ip", "10.66.0.66"];
    engine.run(&[&["run", "-d", "--name", "web"], &flags[..], &[BUSYBOX, "sleep", "1000"]].concat()).unwrap();
    engine.reboot().unwrap();
    engine.start_daemon().unwrap();
    let there = "for i in $(seq 50); do nslookup web | grep 10.66.0.66 && exit 0; usleep 100000; done; exit 1";
    assert_eq!(sh(&engine, &["--network", "front"], there), "Address: 10.66.0.66\n");
}

#[test]
fn events_and_prune() {
    let Some(engine) = engine() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    engine.run(&["network", "create", "back"]).unwrap();
    engine.run(&["run", "-d", "--name", "box", "--network", "front", BUSYBOX, "sleep", "1000"]).unwrap();
    let out = engine.run(&["network", "prune", "-f"]).unwrap();
    assert!(out.contains("back") && !out.contains("front"), "{out}");
    engine.run(&["rm", "-f", "box"]).unwrap();
    engine.run(&["network", "rm", "front"]).unwrap();
    let format = "{{.Action}} {{index .Actor.Attributes \"name\"}} {{index .Actor.Attributes \"type\"}}";
    let until = engine.host.sh("date +%s").unwrap();
    let until = (until.trim().parse::<u64>().unwrap() + 1).to_string();
    let arguments = ["events", "--since", "1", "--until", &until, "-f", "type=network", "--format", format];
    let out = engine.run(&arguments).unwrap();
    let expected = [
        "create front bridge",
        "create back bridge",
        "connect front bridge",
        "destroy back bridge",
        "prune  ",
        "disconnect front bridge",
        "destroy front bridge",
    ];
    let told: Vec<&str> = out.lines().collect();
    let told: Vec<String> = told.iter().map(|line| line.replace("<no value>", "")).collect();
    assert_eq!(told, expected, "{out}");
}
