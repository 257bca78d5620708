//! Engines on other machines: `system dial-stdio`, and `ssh://` with a stand-in for `ssh`.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use teu_testkit::engine::Engine;

use crate::support::{BUSYBOX, engine, feed, text};

/// Notes its arguments, then runs the command as the shell there would.
const SSH: &str = r#"#!/bin/sh
printf '%s|' "$@" >>"$NOTES"
case "$*" in *denied*) echo "me@denied: Permission denied (publickey)." >&2; exit 255;; esac
while [ "$1" != -- ]; do shift; done
shift 2
export PATH="$THERE:/usr/bin:/bin" DOCKER_HOST="$ENGINE"
exec sh -c "$*"
"#;

/// A folder with `ssh`, and one with what is installed there.
struct Machine {
    here: PathBuf,
    there: PathBuf,
    notes: PathBuf,
}

impl Machine {
    fn new(engine: &Engine, installed: &str) -> Machine {
        let machine = Machine {
            here: engine.host.path("here"),
            there: engine.host.path("there"),
            notes: engine.host.path("notes"),
        };
        std::fs::create_dir_all(&machine.here).unwrap();
        std::fs::create_dir_all(&machine.there).unwrap();
        teu_testkit::executable::write(&machine.here.join("ssh"), SSH).unwrap();
        symlink(env!("CARGO_BIN_EXE_teu"), machine.there.join(installed)).unwrap();
        machine
    }

    fn command(&self, engine: &Engine, program: &str, host: &str) -> Command {
        let mut command = Command::new(program);
        let path = format!("{}:{}", self.here.display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).env("NOTES", &self.notes).env("THERE", &self.there);
        command
            .env("ENGINE", engine.address())
            .env("DOCKER_CONFIG", engine.host.path("config"))
            .env_remove("DOCKER_HOST");
        command.args(["-H", host]);
        command
    }
}

#[test]
fn streams_lead_to_the_engine_and_close_one_by_one() {
    let Some(engine) = engine() else { return };
    // Input ends before the answer begins.
    let ping = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let output = feed(engine.teu().args(["system", "dial-stdio"]), ping);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer = text(&output.stdout);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nOK"), "{answer}");
}

#[test]
fn an_engine_is_reached_by_ssh() {
    let Some(engine) = engine() else { return };
    for installed in ["teu", "docker"] {
        let machine = Machine::new(&engine, installed);
        let teu = |arguments: &[&str], input: &[u8]| {
            feed(machine.command(&engine, env!("CARGO_BIN_EXE_teu"), "ssh://me@box:2222").args(arguments), input)
        };
        let listed = teu(&["images", "-q"], b"");
        assert!(listed.status.success(), "{}", text(&listed.stderr));
        assert_eq!(text(&listed.stdout), engine.run(&["images", "-q"]).unwrap());
        let notes = std::fs::read_to_string(&machine.notes).unwrap();
        assert!(notes.contains("|-l|me|-p|2222|--|box|"), "{notes}");
        // More than any buffer on the way, and the end of input arrives.
        let input = vec![b'x'; 300_000];
        let copied = teu(&["run", "--rm", "-i", BUSYBOX, "sh", "-c", "cat; echo done >&2; exit 9"], &input);
        assert_eq!((copied.status.code(), copied.stdout.len()), (Some(9), input.len()), "{}", text(&copied.stderr));
        assert_eq!(text(&copied.stderr), "done\n");
        std::fs::remove_dir_all(&machine.there).unwrap();
    }
}

#[test]
fn what_ssh_said_is_shown() {
    let Some(engine) = engine() else { return };
    let machine = Machine::new(&engine, "teu");
    let teu = |host: &str, arguments: &[&str]| {
        let output = feed(machine.command(&engine, env!("CARGO_BIN_EXE_teu"), host).args(arguments), b"");
        assert!(!output.status.success());
        text(&output.stderr)
    };
    for command in [&["ps"][..], &["run", BUSYBOX]] {
        let told = teu("ssh://me@denied", command);
        assert!(told.contains("Permission denied (publickey).") && told.contains("exit status: 255"), "{told}");
    }
    let told = teu("ssh://box/nosuch.sock", &["ps"]);
    assert!(told.contains("/nosuch.sock"), "{told}");
    let told = teu("ssh://me:secret@box", &["ps"]);
    assert!(told.contains("password") && !told.contains("secret"), "{told}");
}

#[test]
fn dockers_own_client_comes_by_ssh() {
    let Some(engine) = engine() else { return };
    if Command::new("docker").arg("--version").output().is_err() {
        eprintln!("not exercised: there is no docker here");
        return;
    }
    let machine = Machine::new(&engine, "docker");
    let docker = |arguments: &[&str]| {
        let output = feed(machine.command(&engine, "docker", "ssh://box").args(arguments), b"in");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(docker(&["images", "-q"]), engine.run(&["images", "-q"]).unwrap());
    assert_eq!(docker(&["run", "--rm", "-i", BUSYBOX, "cat"]), "in");
    // It prints what ours prints.
    engine.run(&["create", "--name", "box", "-l", "a=b", "-p", "127.0.0.1::80", "-v", "data:/d", BUSYBOX]).unwrap();
    for list in
        [&["ps", "-a"][..], &["ps", "-aqs"], &["ps", "-as"], &["images"], &["images", "-q"], &["images", "--digests"]]
    {
        let list = [list, &["--format", "raw"]].concat();
        assert_eq!(engine.run(&list).unwrap(), docker(&list), "{list:?}");
    }
    for noun in ["volume", "network"] {
        for list in [&[noun, "ls", "--format", "raw"][..], &[noun, "ls", "-q", "--format", "raw"]] {
            assert_eq!(engine.run(list).unwrap(), docker(list), "{list:?}");
        }
    }
    let shown = docker(&["system", "df", "--format", "raw"]);
    assert_eq!(engine.run(&["system", "df", "--format", "raw"]).unwrap(), shown);
}
