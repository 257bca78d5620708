//! What containers have of each other, and the init in front of them.

use crate::support::{BUSYBOX, engine, engine_with, inspect, outcome, sh};

#[test]
fn an_init_reaps_and_hands_signals_on() {
    let Some(engine) = engine() else { return };
    let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    engine.run(&["run", "-d", "--init", "--name", "box", BUSYBOX, "sh", "-c", script]).unwrap();
    let (mut follow, mut lines) = engine.follow(&["logs", "-f", "box"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("ready"));
    let first = engine.run(&["exec", "box", "cat", "/proc/1/cmdline"]).unwrap();
    assert!(first.starts_with("/sbin/docker-init\0--\0sh\0"), "{first:?}");
    // An orphan is reaped by the first process: nothing is left of it. The script's own children are dead for a moment, too.
    let orphan = "pid=$(sh -c 'sleep 0.1 >/dev/null & echo $!')
                  for i in $(seq 100); do [ -e /proc/$pid ] || break; sleep 0.1; done
                  [ -e /proc/$pid ] && grep ^State: /proc/$pid/status || echo reaped";
    assert_eq!(engine.run(&["exec", "box", "sh", "-c", orphan]).unwrap(), "reaped\n");
    let private = "awk '/^Private/ { sum += $2 } END { print sum }' /proc/1/smaps_rollup";
    let private: u32 = engine.run(&["exec", "box", "sh", "-c", private]).unwrap().trim().parse().unwrap();
    assert!(private <= 64, "{private} KiB");
    assert_eq!(inspect(&engine, "box", "{{.Path}} {{.HostConfig.Init}}"), "sh true");
    engine.run(&["stop", "box"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("bye"));
    follow.wait().unwrap();
    assert_eq!(inspect(&engine, "box", "{{.State.ExitCode}}"), "7");
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--init", BUSYBOX, "nosuch"]);
    assert_eq!(code, 127, "{err}");
    assert_eq!(outcome(&engine, &["run", "--rm", "--init", BUSYBOX, "sh", "-c", "kill -9 $$"]).0, 137);
    let script = "echo x 2>/dev/null >/sbin/docker-init && echo written || echo refused";
    assert_eq!(sh(&engine, &["--init"], script), "refused\n");
}

#[test]
fn an_init_loses_no_early_signal() {
    let Some(engine) = engine() else { return };
    for round in 0..20 {
        let name = format!("box{round}");
        engine.run(&["create", "--init", "--name", &name, BUSYBOX, "sleep", "30"]).unwrap();
        engine.run(&["start", &name]).unwrap();
        engine.run(&["kill", "--signal", "TERM", &name]).unwrap();
        assert_eq!(engine.run(&["wait", &name]).unwrap(), "143\n");
    }
    let blocked = "grep ^SigBlk /proc/self/status";
    assert_eq!(sh(&engine, &["--init"], blocked), "SigBlk:\t0000000000000000\n");
}

#[test]
fn links_tell_of_the_other_container() {
    let Some(engine) = engine() else { return };
    let flags = ["--name", "db", "--hostname", "dbhost", "-e", "A=x=y", "--expose", "80", "--expose", "81"];
    engine.run(&[&["run", "-d"], &flags[..], &[BUSYBOX, "sleep", "1000"]].concat()).unwrap();
    let ip = inspect(&engine, "db", "{{.NetworkSettings.IPAddress}}");
    let env = sh(&engine, &["--name", "web", "--link", "db:my-db"], "env | grep ^MY_DB | sort; grep my-db /etc/hosts");
    let port = |n: u32| {
        format!(
            "MY_DB_PORT_{n}_TCP=tcp://{ip}:{n}\nMY_DB_PORT_{n}_TCP_ADDR={ip}\n#MY_DB_PORT_{n}_TCP_PORT={n}\n\
             MY_DB_PORT_{n}_TCP_PROTO=tcp\n"
        )
    };
    let range = format!(
        "MY_DB_PORT_80_TCP_START=tcp://{ip}:80\nMY_DB_PORT_80_TCP_PORT_START=80\nMY_DB_PORT_80_TCP_END=tcp://{ip}:81\n\
         MY_DB_PORT_80_TCP_PORT_END=81\n"
    );
    let all =
        format!("MY_DB_ENV_A=x=y\nMY_DB_NAME=/web/my-db\nMY_DB_PORT=tcp://{ip}:80\n{}{}{range}", port(80), port(81));
    let mut expected: Vec<_> = all.lines().map(|line| line.trim_start_matches('#').to_owned()).collect();
    expected.push(format!("{ip}\tmy-db dbhost db"));
    let mut found: Vec<_> = env.lines().map(str::to_owned).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    engine.run(&["create", "--name", "other", "--link", "db", BUSYBOX]).unwrap();
    assert_eq!(inspect(&engine, "other", "{{json .HostConfig.Links}}"), r#"["/db:/other/db"]"#);
    assert_eq!(inspect(&engine, "other/db", "{{.Name}}"), "/db");
    let names = engine.run(&["ps", "--no-trunc", "--filter", "name=^/db$", "--format", "{{.Names}}"]).unwrap();
    assert_eq!(names.trim(), "db,other/db");
    engine.run(&["kill", "db"]).unwrap();
    let (_, _, err) = outcome(&engine, &["start", "other"]);
    assert!(err.contains("Cannot link to a non running container: /db AS /other/db"), "{err}");
    let (_, _, err) = outcome(&engine, &["create", "--link", "nosuch:x", BUSYBOX]);
    assert!(err.contains("could not get container for nosuch: No such container: nosuch"), "{err}");
}

#[test]
fn links_end_without_the_container() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "db", BUSYBOX, "sleep", "1000"]).unwrap();
    let flags = ["--link", "db:one", "--link", "db:two"];
    engine.run(&[&["run", "-d", "--name", "web"], &flags[..], &[BUSYBOX, "sleep", "1000"]].concat()).unwrap();
    engine.run(&["exec", "web", "sh", "-c", "echo 192.0.2.1 own >>/etc/hosts"]).unwrap();
    assert_eq!(engine.run(&["rm", "--link", "web/one"]).unwrap(), "web/one\n");
    assert_eq!(inspect(&engine, "web", "{{json .HostConfig.Links}}"), r#"["/db:/web/two"]"#);
    // What others wrote into the file stays.
    let hosts = "grep -oE 'one|two|own' /etc/hosts | sort | tr '\n' ' '";
    assert_eq!(engine.run(&["exec", "web", "sh", "-c", hosts]).unwrap(), "own two ");
    engine.run(&["rm", "-l", "/web/two"]).unwrap();
    assert_eq!(inspect(&engine, "web", "{{len .HostConfig.Links}} {{.State.Running}}"), "0 true");
    let (_, _, err) = outcome(&engine, &["rm", "--link", "web/two"]);
    assert!(err.contains("No such container: web/two"), "{err}");
    let (_, _, err) = outcome(&engine, &["rm", "--link", "db"]);
    assert!(err.contains("Conflict, cannot remove the default link name of the container"), "{err}");
    assert_eq!(inspect(&engine, "db", "{{.State.Running}}"), "true");
}

#[test]
fn volumes_of_others() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--name", "data", "-v", "/data", BUSYBOX]).unwrap();
    sh(&engine, &["--volumes-from", "data"], "echo kept >/data/f");
    // `--rm` has removed that container, and not the volume, which another one has.
    let script = "cat /data/f; echo x 2>/dev/null >/data/g && echo written || echo refused";
    assert_eq!(sh(&engine, &["--volumes-from", "data:ro"], script), "kept\nrefused\n");
    let (_, _, err) = outcome(&engine, &["create", "--volumes-from", "data:bad", BUSYBOX]);
    assert!(err.contains("invalid mode: bad"), "{err}");
    let (_, _, err) = outcome(&engine, &["create", "--volumes-from", "nosuch", BUSYBOX]);
    assert!(err.contains("No such container: nosuch"), "{err}");
}

#[test]
fn shared_memory() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "donor", "--ipc", "shareable", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["run", "-d", "--name", "closed", BUSYBOX, "sleep", "1000"]).unwrap();
    sh(&engine, &["--ipc", "container:donor"], "echo shared >/dev/shm/f");
    assert_eq!(engine.run(&["exec", "donor", "cat", "/dev/shm/f"]).unwrap(), "shared\n");
    let link = |flags: &[&str]| sh(&engine, flags, "readlink /proc/self/ns/ipc");
    assert_eq!(
        link(&["--ipc", "container:donor"]),
        engine.run(&["exec", "donor", "readlink", "/proc/self/ns/ipc"]).unwrap()
    );
    let (_, _, err) = outcome(&engine, &["run", "--rm", "--ipc", "container:closed", BUSYBOX]);
    assert!(err.contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"), "{err}");
    // What the donor makes of its own paths leads nowhere else.
    engine.run(&["exec", "donor", "sh", "-c", "umount /dev/shm 2>/dev/null; true"]).unwrap();
    let script = "ls /dev/shm >/dev/null && mount | grep -c ' /dev/shm '";
    assert_eq!(sh(&engine, &["--ipc", "none"], "ls -d /dev/shm 2>/dev/null | wc -l"), "0\n");
    assert_eq!(sh(&engine, &["--ipc", "private"], script), "1\n");
}

#[test]
fn defaults_of_the_daemon() {
    let Some(engine) =
        engine_with(&["--default-ulimit", "nofile=100:200", "--init", "--default-ipc-mode", "shareable"])
    else {
        return;
    };
    assert_eq!(sh(&engine, &[], "ulimit -n; ulimit -Hn; cat /proc/1/comm; true"), "100\n200\ndocker-init\n");
    assert_eq!(sh(&engine, &["--init=false", "--ulimit", "nofile=7"], "ulimit -n; cat /proc/1/comm; true"), "7\nsh\n");
    engine.run(&["create", "--name", "box", BUSYBOX]).unwrap();
    assert_eq!(inspect(&engine, "box", "{{.HostConfig.IpcMode}}"), "shareable");
}

#[test]
fn devices_of_vendors() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cdi");
    std::fs::create_dir_all(&folder).unwrap();
    let spec = r#"{"cdiVersion": "0.6.0", "kind": "vendor.com/class", "devices": [{"name": "x", "containerEdits": {
        "deviceNodes": [{"path": "/dev/mine", "hostPath": "/dev/zero"}], "env": ["MINE=1"]}}]}"#;
    std::fs::write(folder.join("vendor.json"), spec).unwrap();
    let yaml = "cdiVersion: 0.7.0\nkind: vendor.com/other\ndevices:\n- name: y\n  containerEdits:\n    additionalGids: [44]\n    \
                env: [PATH=/bin:/vendor]\n    deviceNodes:\n    - {path: /dev/own, type: c, major: 1, minor: 5, permissions: r}\n";
    std::fs::write(folder.join("vendor.yaml"), yaml).unwrap();
    let Some(engine) = engine_with(&["--cdi-spec-dir", folder.to_str().unwrap()]) else { return };
    let script = "echo $PATH; id -G; head -c 2 /dev/own | tr '\\0' z";
    let device = ["--device", "vendor.com/other=y", "--user", "7:8"];
    assert_eq!(sh(&engine, &device, script), "/bin:/vendor\n8 44\nzz");
    let info = engine.run(&["info", "--format", "{{.CDISpecDirs}} {{json .DiscoveredDevices}}"]).unwrap();
    assert!(info.starts_with(&format!("[{}] ", folder.display())), "{info}");
    assert!(info.contains(r#"{"Source":"cdi","ID":"vendor.com/class=x"}"#), "{info}");
    let script = "echo $MINE; head -c 3 /dev/mine | tr '\\0' x";
    assert_eq!(sh(&engine, &["--device", "vendor.com/class=x"], script), "1\nxxx");
    let (_, _, err) = outcome(&engine, &["run", "--rm", "--device", "vendor.com/class=y", BUSYBOX]);
    assert!(err.contains("CDI device injection failed: unresolvable CDI devices vendor.com/class=y"), "{err}");
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--gpus", "all", BUSYBOX]);
    assert_eq!(code, 125);
    assert!(err.contains("could not select device driver \"\" with capabilities: [[gpu]]"), "{err}");
}
