//! Containers in user namespaces: `--userns-remap`.

use teu_testkit::engine::Engine;
use teu_testkit::host::{Host, privileged};

use crate::support::{BUSYBOX, busybox, feed, inspect, outcome, sh, text};

/// An engine on a host with ranges of subordinate ids of its own.
fn remapped() -> Option<Engine> {
    if !privileged() {
        return None;
    }
    let host = Host::start().expect("a host");
    // What /etc is elsewhere stays as it is.
    let script = format!(
        "d={}; mkdir $d/etc $d/etc-work; echo dockremap:300000:65536 >$d/etc/subuid; echo dockremap:400000:65536 >$d/etc/subgid; \
         mount -t tmpfs none /mnt; mkdir /mnt/u /mnt/w; cp $d/etc/* /mnt/u; \
         mount -t overlay -o lowerdir=/etc,upperdir=/mnt/u,workdir=/mnt/w none /etc",
        host.directory().display()
    );
    host.sh(&script).expect("an /etc of its own");
    let engine = Engine::start_on(host, env!("CARGO_BIN_EXE_teu"), &["--userns-remap", "default"]).expect("an engine");
    let loaded = feed(engine.teu().arg("load"), busybox());
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
    Some(engine)
}

#[test]
fn root_is_somebody_else_outside() {
    let Some(engine) = remapped() else { return };
    let script = "id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; stat -c %u:%g / /bin/sh /etc/hosts /.dockerenv /etc/mtab /dev/null; \
                  touch /made && chown 5:6 /made && stat -c %u:%g /made; echo x >/dev/null && echo written; \
                  echo >>/etc/hosts && echo hosts; ping -c1 -w2 127.0.0.1 >/dev/null && echo ping";
    let expected =
        "0\n 0 300000 65536\n 0 400000 65536\n0:0\n0:0\n0:0\n0:0\n0:0\n65534:65534\n5:6\nwritten\nhosts\nping\n";
    assert_eq!(sh(&engine, &[], script), expected);
    assert_eq!(
        sh(&engine, &["--network", "none"], "ip addr | grep -c mtu; cat /sys/class/net/lo/operstate"),
        "1\nunknown\n"
    );
    assert_eq!(sh(&engine, &["--user", "7"], "id -u; echo out >/dev/stdout"), "7\nout\n");
    assert_eq!(sh(&engine, &["-t"], "test -t 0 && tty && stat -c %u $(tty)"), "/dev/pts/0\r\n0\r\n");
    assert_eq!(sh(&engine, &["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj"), "500\n");
    assert_eq!(sh(&engine, &["--ulimit", "nofile=100:200"], "ulimit -Hn"), "200\n");
    assert_eq!(
        sh(
            &engine,
            &["--cap-add", "NET_ADMIN"],
            "ip link add d0 type dummy 2>/dev/null; ip link set lo mtu 1400 && echo ok"
        ),
        "ok\n"
    );
    let options = engine.run(&["info", "--format", "{{.SecurityOptions}}"]).unwrap();
    assert!(options.contains("name=userns"), "{options}");
}

#[test]
fn the_hosts_namespace_on_request() {
    let Some(engine) = remapped() else { return };
    assert_eq!(sh(&engine, &["--userns=host"], "cat /proc/self/uid_map | tr -s ' '"), " 0 0 4294967295\n");
    engine.run(&["create", "--userns=host", "--privileged", "--net=host", "--name", "box", BUSYBOX]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{.HostConfig.UsernsMode}}"), "host");
    for (flag, message) in [
        ("--privileged", "privileged mode is incompatible with user namespaces."),
        ("--net=host", "cannot share the host's network namespace when user namespaces are enabled"),
        ("--pid=host", "cannot share the host PID namespace when user namespaces are enabled"),
        ("--pid=container:box", "which has other user ids"),
    ] {
        let (code, _, err) = outcome(&engine, &["run", "--rm", flag, BUSYBOX, "true"]);
        assert_eq!(code, 125, "{flag}");
        assert!(err.contains(message), "{flag}: {err}");
    }
}

#[test]
fn files_keep_their_owners_on_every_way() {
    let Some(engine) = remapped() else { return };
    let script = "mkdir /d && echo text >/d/f && chown 5:6 /d/f && rm /etc/group && sleep 1000";
    engine.run(&["run", "-d", "--name", "box", "-v", "data:/vol", BUSYBOX, "sh", "-c", script]).unwrap();
    let ready = "until test ! -e /etc/group; do sleep 0.05; done; id -u; stat -c %u:%g /d/f";
    assert_eq!(engine.run(&["exec", "box", "sh", "-c", ready]).unwrap(), "0\n5:6\n");
    assert_eq!(engine.run(&["exec", "-u", "9", "box", "id", "-u"]).unwrap(), "9\n");
    // Out of it and into it, running and not.
    let owners = |archive: &[u8]| {
        let listed = feed(std::process::Command::new("tar").args(["--numeric-owner", "-tvf", "-"]), archive);
        text(&listed.stdout)
            .lines()
            .map(|l| l.split_whitespace().nth(1).unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let into = engine.host.path("into");
    std::fs::write(&into, "in").unwrap();
    let into = into.to_string_lossy().into_owned();
    for state in ["running", "stopped"] {
        let out = engine.output(&["cp", "box:/d/f", "-"]).unwrap();
        assert_eq!(owners(&out.stdout), ["5/6"], "{state}");
        engine.run(&["cp", &into, "box:/d/root"]).unwrap();
        engine.run(&["cp", &into, "box:/vol/root"]).unwrap();
        engine.run(&["cp", "-a", &into, "box:/d/kept"]).unwrap();
        let out = engine.output(&["cp", "box:/vol/root", "-"]).unwrap();
        assert_eq!(owners(&out.stdout), ["0/0"], "{state}");
        if state == "running" {
            assert_eq!(
                engine.run(&["exec", "box", "stat", "-c", "%u:%g", "/d/root", "/vol/root"]).unwrap(),
                "0:0\n0:0\n"
            );
            engine.run(&["kill", "box"]).unwrap();
            engine.run(&["wait", "box"]).unwrap();
        }
    }
    let changes = engine.run(&["diff", "box"]).unwrap();
    assert!(changes.contains("A /d/f\n") && changes.contains("D /etc/group\n"), "{changes}");
    assert!(!changes.contains("/bin"), "{changes}");
    let exported = engine.output(&["export", "box"]).unwrap();
    assert!(
        owners(&exported.stdout).iter().all(|o| ["0/0", "5/6"].contains(&o.as_str())),
        "{:?}",
        owners(&exported.stdout)
    );
    // An image made of it is the same for everybody.
    engine.run(&["commit", "box", "made"]).unwrap();
    for flag in ["--userns=", "--userns=host"] {
        let output =
            engine.run(&["run", "--rm", flag, "made", "sh", "-c", "stat -c %u:%g /d/f /d; ls /etc/group 2>&1 | wc -l"]);
        assert_eq!(output.unwrap(), "5:6\n0:0\n1\n", "{flag}");
    }
}

#[test]
fn volumes_mean_the_same_to_all() {
    let Some(engine) = remapped() else { return };
    let script = "stat -c %u /v; touch /v/f; chown 33:34 /v/f; touch /v/g";
    assert_eq!(sh(&engine, &["-v", "shared:/v"], script), "0\n");
    let look = "stat -c %n=%u:%g /v/f /v/g";
    let expected = "/v/f=33:34\n/v/g=0:0\n";
    assert_eq!(sh(&engine, &["-v", "shared:/v"], look), expected);
    assert_eq!(sh(&engine, &["-v", "shared:/v", "--userns=host"], look), expected);
    // Filled from the image.
    assert_eq!(sh(&engine, &["-v", "filled:/bin"], "stat -c %u:%g /bin /bin/sh"), "0:0\n0:0\n");
    assert_eq!(sh(&engine, &["-v", "filled:/v", "--userns=host"], "stat -c %u:%g /v /v/sh"), "0:0\n0:0\n");
    // What is bound from the host keeps the host's owners.
    let bound = format!("{}:/b", engine.host.directory().display());
    assert_eq!(
        sh(&engine, &["-v", &bound], "stat -c %u /b; touch /b/x 2>/dev/null || echo refused"),
        "65534\nrefused\n"
    );
}

#[test]
fn a_network_is_shared_with_its_user_namespace() {
    let Some(engine) = remapped() else { return };
    engine.run(&["run", "-d", "--name", "first", "--ipc=shareable", BUSYBOX, "sleep", "1000"]).unwrap();
    let all = ["--net=container:first", "--pid=container:first", "--ipc=container:first"];
    let output = sh(&engine, &all, "id -u; ip link set lo mtu 1400 2>/dev/null; ps | grep -c '[s]leep 1000'");
    assert_eq!(output, "0\n1\n");
    assert_eq!(
        sh(&engine, &["--net=container:first"], "readlink /proc/self/ns/user"),
        engine.run(&["exec", "first", "readlink", "/proc/self/ns/user"]).unwrap()
    );
    let (_, _, err) = outcome(&engine, &["run", "--rm", "--pid=container:first", BUSYBOX, "true"]);
    assert!(err.contains("share its network as well (--network container:"), "{err}");
}

/// What nobody names is root's inside: the folder of a `create`, and those that an archive goes through.
#[test]
fn folders_that_are_made_on_the_way_are_roots() {
    let Some(engine) = remapped() else { return };
    let look = "stat -c %u:%g /made /made/deep /p /p/q && touch /made/deep/f";
    engine.run(&["create", "--name", "box", "-w", "/made/deep", BUSYBOX, "sh", "-c", look]).unwrap();
    let folder = engine.host.path("archive");
    std::fs::create_dir_all(folder.join("p/q")).unwrap();
    std::fs::write(folder.join("p/q/f"), "").unwrap();
    let packed = std::process::Command::new("tar").args(["-cf", "-", "-C"]).arg(&folder).arg("p/q/f").output().unwrap();
    let copied = feed(engine.teu().args(["cp", "-", "box:/"]), &packed.stdout);
    assert!(copied.status.success(), "{}", text(&copied.stderr));
    assert_eq!(engine.run(&["start", "-a", "box"]).unwrap(), "0:0\n".repeat(4));
}

#[test]
fn the_missing_ranges_are_said() {
    if !privileged() {
        return;
    }
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_teu"))
        .args(["daemon", "--validate", "--userns-remap", "nobody-like-this"])
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("can't create ID mappings: no ranges found for user \"nobody-like-this\" in subuid"),
        "{error}"
    );
    assert!(error.contains("put the line nobody-like-this:"), "{error}");
}

/// Names are served and networks joined from outside of the user namespace that a network belongs to.
#[test]
fn networks_with_names() {
    let Some(mut engine) = remapped() else { return };
    engine.run(&["network", "create", "front"]).unwrap();
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["run", "-d", "--name", "web", "--network", "front", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["network", "connect", "front", "box"]).unwrap();
    let both = "nslookup web | grep -c Name:.*web; nslookup box | grep -c Name:.*box";
    assert_eq!(engine.run(&["exec", "box", "sh", "-c", both]).unwrap(), "1\n1\n");
    engine.kill_daemon().unwrap();
    engine.start_daemon().unwrap();
    assert_eq!(engine.run(&["exec", "box", "sh", "-c", both]).unwrap(), "1\n1\n");
    assert_eq!(sh(&engine, &["--network", "front", "--userns=host"], both), "1\n1\n");
}
