//! Flags of `run` whose effect is seen from inside.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};

#[test]
fn namespaces_of_others_and_of_the_host() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "first", BUSYBOX, "sleep", "1000"]).unwrap();
    let seen = sh(&engine, &["--pid", "container:first"], "cat /proc/1/cmdline | tr '\\0' ' '");
    assert_eq!(seen, "sleep 1000 ");
    let (_, _, err) = outcome(&engine, &["run", "--rm", "--pid", "container:nosuch", BUSYBOX]);
    assert!(err.contains("No such container: nosuch"), "{err}");
    let own = sh(&engine, &[], "readlink /proc/self/ns/uts");
    let host = sh(&engine, &["--uts", "host"], "readlink /proc/self/ns/uts");
    assert_ne!(own, host);
    assert_eq!(host, sh(&engine, &["--uts", "host"], "readlink /proc/self/ns/uts"));
    let groups = |mode: &str| sh(&engine, &["--cgroupns", mode], "readlink /proc/self/ns/cgroup");
    // Two private ones after each other may have the same number.
    assert_ne!(groups("private"), groups("host"));
    assert_eq!(groups("host"), groups("host"));
}

#[test]
fn what_tells_a_program_that_it_is_in_a_container() {
    let Some(engine) = engine() else { return };
    let script = "test -x /.dockerenv && readlink /etc/mtab && mkdir /new";
    engine.run(&["run", "--name", "box", BUSYBOX, "sh", "-c", script]).unwrap();
    assert_eq!(engine.run(&["logs", "box"]).unwrap(), "/proc/mounts\n");
    // The container itself changed nothing but this.
    assert_eq!(engine.run(&["diff", "box"]).unwrap(), "A /new\n");
    // All else that a start needs in its root is made once for the image.
    let upper =
        format!("{}/image/*/snapshots/{}/fs", engine.host.path("data").display(), inspect(&engine, "box", "{{.Id}}"));
    assert_eq!(engine.host.sh(&format!("cd {upper} && find . -mindepth 1")).unwrap(), "./new\n");
    engine.run(&["start", "-a", "box"]).expect_err("the folder is there already");
    assert_eq!(sh(&engine, &["--read-only"], "cat /.dockerenv"), "");
    // Of a container that an earlier version made it is made at each start.
    engine.run(&["create", "--name", "old", BUSYBOX, "sh", "-c", "test -x /.dockerenv && readlink /etc/mtab"]).unwrap();
    let old = upper.replace(&inspect(&engine, "box", "{{.Id}}"), &inspect(&engine, "old", "{{.Id}}"));
    engine.host.sh(&format!("cd {old}/.. && mv work.init work")).unwrap();
    assert_eq!(engine.run(&["start", "-a", "old"]).unwrap(), "/proc/mounts\n");
    assert_eq!(engine.run(&["diff", "old"]).unwrap(), "");
    for name in ["runc", "io.containerd.runc.v2", "teu"] {
        assert_eq!(sh(&engine, &["--runtime", name], "echo ran"), "ran\n");
    }
    assert_eq!(inspect(&engine, "box", "{{.HostConfig.Runtime}}"), "runc");
}

#[test]
fn the_root_is_the_first_mount() {
    let Some(engine) = engine() else { return };
    for _ in 0..2 {
        let mounts = sh(&engine, &["--tmpfs", "/scratch"], "cut -d' ' -f2 /proc/mounts");
        let mounts: Vec<&str> = mounts.lines().take_while(|mount| !mount.starts_with("/proc/")).collect();
        assert_eq!(mounts[..5], ["/", "/proc", "/dev", "/dev/pts", "/sys"], "{mounts:?}");
        let place = |path: &str| mounts.iter().position(|mount| *mount == path);
        assert!(place("/dev/mqueue") < place("/dev/shm") && place("/dev/shm") < place("/scratch"), "{mounts:?}");
        // What was made ahead of time is each container's own.
        assert_eq!(sh(&engine, &[], "ls -A /dev/shm; ls /dev/pts; touch /dev/shm/left"), "ptmx\n");
    }
}

#[test]
fn kernel_parameters_and_sizes() {
    let Some(engine) = engine() else { return };
    let script = "cat /proc/sys/net/core/somaxconn";
    assert_eq!(sh(&engine, &["--sysctl", "net.core.somaxconn=77"], script), "77\n");
    let (_, _, err) = outcome(&engine, &["create", "--sysctl", "kernel.panic=1", BUSYBOX]);
    assert!(err.contains("sysctl 'kernel.panic=1' is not allowed"), "{err}");
    assert_eq!(sh(&engine, &["--shm-size", "3m"], "df -k /dev/shm | tail -1 | awk '{ print $2 }'"), "3072\n");
    let gateway = sh(&engine, &[], "ip route | awk '/default/ { print $3 }'");
    let hosts = sh(&engine, &["--add-host", "gw:host-gateway"], "awk '/gw/ { print $1 }' /etc/hosts");
    assert_eq!(hosts, gateway);
    // Gone from the kernel, accepted by name, as Docker does.
    assert_eq!(sh(&engine, &["--kernel-memory", "50m"], "echo ran"), "ran\n");
}

#[test]
fn files_that_flags_name() {
    let Some(engine) = engine() else { return };
    let (env, labels, cid) = (engine.host.path("env"), engine.host.path("labels"), engine.host.path("cid"));
    std::fs::write(&env, "# a comment\nA=from file\nB=2\n").unwrap();
    std::fs::write(&labels, "team=blue\n").unwrap();
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let flags = ["--env-file", &text(&env), "-e", "B=3", "--label-file", &text(&labels), "--cidfile", &text(&cid)];
    engine.run(&[&["run", "--name", "box"], &flags[..], &[BUSYBOX, "sh", "-c", "true"]].concat()).unwrap();
    assert_eq!(std::fs::read_to_string(&cid).unwrap(), inspect(&engine, "box", "{{.Id}}"));
    assert_eq!(inspect(&engine, "box", "{{.Config.Labels.team}}"), "blue");
    assert_eq!(sh(&engine, &["--env-file", &text(&env), "-e", "B=3"], "echo $A $B"), "from file 3\n");
    let (code, _, err) = outcome(&engine, &["run", "--cidfile", &text(&cid), BUSYBOX]);
    assert_eq!(code, 125);
    assert!(err.contains("container ID file found"), "{err}");
    let (code, _, err) = outcome(&engine, &["run", "--pull", "never", "nosuch:latest"]);
    assert_eq!(code, 125);
    assert!(err.contains("No such image: nosuch:latest"), "{err}");
}

#[test]
fn the_engine_from_inside() {
    let Some(engine) = engine() else { return };
    let script = "ls -l /var/run/docker.sock | cut -c1; echo $DOCKER_CONFIG; cat $DOCKER_CONFIG/config.json 2>&-; true";
    // Nobody is logged in.
    assert_eq!(sh(&engine, &["--use-api-socket"], script), "s\n\n");
    let config = engine.host.path("config");
    std::fs::create_dir_all(&config).unwrap();
    let auths = r#"{"auths":{"quay.example":{"auth":"YW5uOnNlY3JldA=="}}}"#;
    std::fs::write(config.join("config.json"), auths).unwrap();
    assert_eq!(sh(&engine, &["--use-api-socket"], script), format!("s\n/run/secrets/docker\n{auths}"));
    let own = ["--use-api-socket", "-e", "DOCKER_CONFIG=/own"];
    assert_eq!(sh(&engine, &own, script), "s\n/own\n");
    engine.run(&[&["create", "--name", "box"][..], &["--use-api-socket", BUSYBOX]].concat()).unwrap();
    let mount = inspect(&engine, "box", "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}}{{end}}");
    let socket = engine.host.path("teu.sock");
    assert_eq!(mount, format!("bind {} /var/run/docker.sock", socket.display()));
    engine.run(&["cp", "box:/run/secrets/docker/config.json", engine.host.path("copy").to_str().unwrap()]).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&engine.host.path("copy").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_docker_finds_at_the_start_is_found_at_the_start() {
    let Some(engine) = engine() else { return };
    let long = "x".repeat(70);
    let cases: [(&[&str], &str); 4] = [
        (&["--log-opt", "max-size=x"], "failed to initialize logging driver: invalid size: 'x'"),
        (&["--network", "container:nosuch"], "No such container: nosuch"),
        (&["--tmpfs", "/t:nonsense=1"], "invalid tmpfs option \"nonsense\""),
        (&["--hostname", &long], "error during container init: sethostname: invalid argument"),
    ];
    for (flags, text) in cases {
        engine.run(&[&["create", "--name", "box"], flags, &[BUSYBOX, "true"]].concat()).unwrap();
        let (code, _, err) = outcome(&engine, &["start", "box"]);
        assert!(code == 1 && err.contains(text), "{flags:?}: {err}");
        engine.run(&["rm", "box"]).unwrap();
    }
}

#[test]
fn addresses_are_refused_on_the_default_network() {
    let Some(engine) = engine() else { return };
    let (code, out, err) = outcome(&engine, &["create", "--ip", "nonsense", BUSYBOX]);
    let want = "invalid config for network bridge: invalid endpoint settings:\n\
                * user specified IP address is supported on user defined networks only\n* invalid IPv4 address: nonsense\n";
    assert!(code == 1 && out.is_empty() && err.contains(want), "{err}");
    let mac = "02:42:ac:11:00:99";
    engine.run(&["run", "--name", "box", "--mac-address", mac, BUSYBOX, "true"]).unwrap();
    let shown = "{{.Config.MacAddress}}|{{.NetworkSettings.Networks.bridge.MacAddress}}";
    assert_eq!(inspect(&engine, "box", shown), format!("{mac}|"));
    let (_, _, err) = outcome(&engine, &["run", "--name", "dev", "--device", "/dev/nonsense", BUSYBOX]);
    assert!(err.contains("no such file or directory"), "{err}");
    // It had its names when it failed, but no log yet.
    let named = inspect(&engine, "dev", "{{.LogPath}}|{{.HostsPath}}");
    assert!(named.starts_with("|/") && named.ends_with("/hosts"), "{named}");
}
