//! `run` in the foreground and in the background.

use crate::support::{BUSYBOX, engine, feed, inspect, outcome, sh, text};

#[test]
fn output_and_exit_codes_are_the_containers() {
    let Some(engine) = engine() else { return };
    assert_eq!(outcome(&engine, &["run", "--rm", BUSYBOX, "echo", "hello"]), (0, "hello\n".into(), String::new()));
    let script = "echo out; echo err >&2; exit 42";
    let (code, out, err) = outcome(&engine, &["run", "--rm", BUSYBOX, "sh", "-c", script]);
    assert_eq!((code, out.as_str(), err.as_str()), (42, "out\n", "err\n"));
    assert_eq!(outcome(&engine, &["run", "--rm", BUSYBOX, "sh", "-c", "sh -c 'kill -9 $$'; exit $?"]).0, 137);
    assert_eq!(engine.run(&["ps", "-aq"]).unwrap(), "", "--rm removes");
}

#[test]
fn what_cannot_be_run_has_dockers_codes_and_texts() {
    let Some(engine) = engine() else { return };
    let (code, _, err) = outcome(&engine, &["run", "--rm", BUSYBOX, "nosuch"]);
    assert_eq!(code, 127, "{err}");
    assert!(err.contains("\"nosuch\": executable file not found in $PATH"), "{err}");
    let (code, _, err) = outcome(&engine, &["run", "--rm", BUSYBOX, "/etc/passwd"]);
    assert_eq!(code, 126, "{err}");
    assert!(err.contains("permission denied"), "{err}");
    let (code, _, err) = outcome(&engine, &["run", "--no-such-flag", BUSYBOX]);
    assert_eq!(code, 125, "{err}");
    let (code, _, err) = outcome(&engine, &["run", "-v", "relative/path:/x", BUSYBOX]);
    assert_eq!(code, 125, "{err}");
    assert_eq!(engine.run(&["ps", "-aq"]).unwrap(), "", "nothing is left of failed runs");
}

#[test]
fn standard_input_reaches_the_container() {
    let Some(engine) = engine() else { return };
    let output = feed(engine.teu().args(["run", "--rm", "-i", BUSYBOX, "cat"]), b"one\ntwo\n");
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(0), "one\ntwo\n"));
    let large = "0123456789abcdef".repeat(100_000);
    let output = feed(engine.teu().args(["run", "--rm", "-i", BUSYBOX, "md5sum"]), large.as_bytes());
    let expected = feed(std::process::Command::new("md5sum").arg("-"), large.as_bytes());
    assert_eq!(text(&output.stdout), text(&expected.stdout));
}

#[test]
fn no_byte_of_the_output_is_lost() {
    let Some(engine) = engine() else { return };
    for _ in 0..5 {
        let out = sh(&engine, &[], "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
        let expected: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
        assert!(out == expected, "{} bytes of {}", out.len(), expected.len());
    }
}

#[test]
fn environment_directory_user_and_host_name() {
    let Some(engine) = engine() else { return };
    let flags = ["-e", "COLOUR=blue", "-w", "/tmp", "--hostname", "inner", "-u", "65534:65534"];
    let out = sh(&engine, &flags, "echo $COLOUR; pwd; hostname; id -u; id -g; echo $HOME");
    assert_eq!(out, "blue\n/tmp\ninner\n65534\n65534\n/home\n");
    assert_eq!(sh(&engine, &["-u", "nobody"], "id -un"), "nobody\n");
    let (code, _, err) = outcome(&engine, &["run", "--rm", "-u", "nosuchuser", BUSYBOX, "true"]);
    assert_eq!(code, 125, "{err}");
    assert!(err.contains("unable to find user nosuchuser"), "{err}");
    let hosts = sh(&engine, &["--hostname", "inner", "--add-host", "db:10.1.2.3"], "cat /etc/hosts /etc/hostname");
    assert!(hosts.contains("10.1.2.3\tdb") && hosts.ends_with("inner\n"), "{hosts}");
}

#[test]
fn a_container_in_the_background() {
    let Some(engine) = engine() else { return };
    let id = engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sleep", "1000"]).unwrap();
    let id = id.trim();
    assert_eq!(id.len(), 64);
    assert_eq!(engine.run(&["ps", "-q"]).unwrap().trim(), &id[..12]);
    assert_eq!(inspect(&engine, "box", "{{.State.Status}} {{.Id}}"), format!("running {id}"));
    let (code, _, err) = outcome(&engine, &["run", "-d", "--name", "box", BUSYBOX]);
    assert_eq!(code, 125);
    let expected = format!(
        "Conflict. The container name \"/box\" is already in use by container \"{id}\". You have to remove (or rename) \
         that container to be able to reuse that name."
    );
    assert!(err.contains(&expected), "{err}");
    let (code, _, err) = outcome(&engine, &["rm", "box"]);
    assert_eq!(code, 1);
    assert!(err.contains("container is running"), "{err}");
    assert_eq!(engine.run(&["rm", "-f", "box"]).unwrap(), "box\n");
    assert_eq!(engine.run(&["ps", "-aq"]).unwrap(), "");
}

#[test]
fn volumes_and_tmpfs() {
    let Some(engine) = engine() else { return };
    let folder = engine.host.path("shared");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("in"), "from outside").unwrap();
    let bind = format!("{}:/data", folder.display());
    assert_eq!(sh(&engine, &["-v", &bind], "cat /data/in; echo inside >/data/out"), "from outside");
    assert_eq!(std::fs::read_to_string(folder.join("out")).unwrap(), "inside\n");
    let script = "echo x 2>/dev/null >/data/no && echo written || echo refused";
    assert_eq!(sh(&engine, &["-v", &format!("{bind}:ro")], script), "refused\n");
    let out =
        sh(&engine, &["--tmpfs", "/scratch:size=1m"], "echo y >/scratch/f; grep -c ' /scratch tmpfs' /proc/mounts");
    assert_eq!(out, "1\n");
    assert_eq!(sh(&engine, &["--tmpfs", "/sys"], "ls /sys; grep -c ' /sys tmpfs' /proc/mounts"), "1\n");
    sh(&engine, &["-v", "named:/keep"], "echo kept >/keep/f");
    assert_eq!(sh(&engine, &["-v", "named:/keep"], "cat /keep/f"), "kept\n");
}

#[test]
fn limits_are_set() {
    let Some(engine) = engine() else { return };
    let script = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(sh(&engine, &["-m", "64m"], script), "67108864\n");
    let script = "cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max";
    assert_eq!(sh(&engine, &["--pids-limit", "17"], script), "17\n");
    assert_eq!(sh(&engine, &["--ulimit", "nofile=123:456"], "ulimit -n; ulimit -Hn"), "123\n456\n");
    let script = "head -c 100000000 /dev/zero | tail >/dev/null; echo $?";
    let (code, out, _) = outcome(&engine, &["run", "--name", "oom", "-m", "16m", BUSYBOX, "sh", "-c", script]);
    assert!(code == 137 || out.contains("137"), "{code} {out}");
    assert_eq!(inspect(&engine, "oom", "{{.State.OOMKilled}}"), "true");
}
