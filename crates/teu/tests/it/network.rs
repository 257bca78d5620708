//! Containers on networks.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};

const SERVER: &str = "mkdir -p /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www";

#[test]
fn containers_reach_each_other() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "server", "--hostname", "one", BUSYBOX, "sh", "-c", SERVER]).unwrap();
    let address = inspect(&engine, "server", "{{.NetworkSettings.IPAddress}}");
    let fetch = format!("until wget -qO- http://{address}/ 2>/dev/null; do :; done");
    assert_eq!(sh(&engine, &[], &fetch), "one\n");
    let joined =
        sh(&engine, &["--network", "container:server"], "wget -qO- http://127.0.0.1/; ip -o -4 addr show eth0");
    assert!(joined.starts_with("one\n") && joined.contains(&address), "{joined}");
}

#[test]
fn published_ports_answer_everywhere() {
    let Some(engine) = engine() else { return };
    // Another address of the host than loopback's.
    engine
        .host
        .sh("ip link add ext0 type veth peer name ext1; ip link set ext0 up; ip link set ext1 up
             ip addr add 198.51.100.1/24 dev ext0")
        .unwrap();
    engine
        .run(&[
            "run",
            "-d",
            "--name",
            "server",
            "--hostname",
            "one",
            "-p",
            "8080:80",
            "-p",
            "127.0.0.1:8081:80",
            BUSYBOX,
            "sh",
            "-c",
            SERVER,
        ])
        .unwrap();
    assert_eq!(engine.run(&["port", "server", "80/tcp"]).unwrap().lines().next(), Some("0.0.0.0:8080"));
    for address in ["127.0.0.1:8080", "127.0.0.1:8081", "198.51.100.1:8080"] {
        let script = format!(
            "for i in $(seq 50); do timeout 2 busybox wget -qO- http://{address}/ && exit 0; sleep 0.1; done; exit 1"
        );
        assert_eq!(engine.host.sh(&script).unwrap(), "one\n", "{address}");
    }
    assert!(
        engine.host.sh("timeout 1 busybox wget -qO- http://198.51.100.1:8081/").is_err(),
        "only published on loopback"
    );
    let (code, _, err) = outcome(&engine, &["run", "--rm", "-p", "8080:80", BUSYBOX, "true"]);
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("port is already allocated"), "{err}");
    engine.run(&["rm", "-f", "server"]).unwrap();
    assert_eq!(sh(&engine, &["-p", "8080:80"], "echo free again"), "free again\n");
}

#[test]
fn no_network_and_the_hosts() {
    let Some(engine) = engine() else { return };
    assert_eq!(sh(&engine, &["--network", "none"], "ls /sys/class/net"), "lo\n");
    let inside = sh(&engine, &["--network", "host"], "readlink /proc/self/ns/net");
    assert_eq!(inside, engine.host.sh("readlink /proc/self/ns/net").unwrap());
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--network", "nosuch", BUSYBOX, "true"]);
    assert_eq!(code, 125);
    assert!(err.contains("network nosuch not found"), "{err}");
}

#[test]
fn networks_are_listed() {
    let Some(engine) = engine() else { return };
    let out = engine.run(&["network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}"]).unwrap();
    let mut lines: Vec<_> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["bridge bridge local", "host host local", "none null local"]);
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let address = inspect(&engine, "box", "{{.NetworkSettings.IPAddress}}");
    let format = "{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}";
    let out = engine.run(&["network", "inspect", "--format", format, "bridge"]).unwrap();
    assert_eq!(out.trim(), format!("box {address}/16"));
}

#[test]
fn nothing_stays_behind() {
    let Some(engine) = engine() else { return };
    for number in 0..5 {
        let port = format!("{}:80", 9000 + number);
        engine.run(&["run", "-d", "--name", &format!("c{number}"), "-p", &port, BUSYBOX, "sleep", "1000"]).unwrap();
    }
    engine.run(&["rm", "-f", "c0", "c1", "c2", "c3", "c4"]).unwrap();
    // What is left is cleaned up after the answer.
    let group = engine.cgroup_parent().trim_start_matches('/').to_owned();
    let left = format!("nft list table inet teu | grep -w '900[0-4]'; find /sys/fs/cgroup -path '*{group}/*' -type d");
    let script = format!("for i in $(seq 100); do [ -z \"$({left})\" ] && exit 0; sleep 0.1; done; {left}; exit 1");
    engine.host.sh(&script).unwrap();
}

/// `/sys` shows the links of the container's own network, read-only unless it is privileged, whoever mounted it.
#[test]
fn sysfs_is_of_the_network() {
    let Some(engine) = engine() else { return };
    let script = "ls /sys/class/net; grep ' /sys sysfs ' /proc/mounts | cut -d' ' -f4";
    let shown = |flags: &[&str]| sh(&engine, flags, script);
    assert_eq!(shown(&[]), "eth0\nlo\nro,nosuid,nodev,noexec,relatime\n");
    assert_eq!(shown(&["--network", "none"]), "lo\nro,nosuid,nodev,noexec,relatime\n");
    assert_eq!(shown(&["--privileged"]), "eth0\nlo\nrw,nosuid,nodev,noexec,relatime\n");
    assert!(shown(&["--network", "host"]).contains("teu0\n"));
    engine.run(&["run", "-d", "--name", "first", BUSYBOX, "sleep", "1000"]).unwrap();
    assert_eq!(shown(&["--network", "container:first"]), "eth0\nlo\nro,nosuid,nodev,noexec,relatime\n");
}
