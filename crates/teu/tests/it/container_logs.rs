//! `logs` of running and ended containers.

use crate::support::{BUSYBOX, engine, outcome};

#[test]
fn logs_are_what_was_written() {
    let Some(engine) = engine() else { return };
    let script = "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; printf partial";
    engine.run(&["run", "-d", "--name", "box", BUSYBOX, "sh", "-c", script]).unwrap();
    assert_eq!(engine.run(&["wait", "box"]).unwrap(), "0\n");
    let (code, out, err) = outcome(&engine, &["logs", "box"]);
    assert_eq!((code, out.as_str()), (0, "out 1\nout 2\nout 3\nout 4\nout 5\npartial"));
    assert_eq!(err, "err 1\nerr 2\nerr 3\nerr 4\nerr 5\n");
    let (_, out, _) = outcome(&engine, &["logs", "--tail", "1", "box"]);
    assert_eq!(out, "partial");
    let (_, out, _) = outcome(&engine, &["logs", "-t", "box"]);
    let first = out.lines().next().unwrap();
    assert!(first.len() > 30 && first.contains('T') && first.ends_with("Z out 1"), "{first}");
}

#[test]
fn following_ends_with_the_container() {
    let Some(engine) = engine() else { return };
    let script = "echo first; read line; echo got $line; exit 3";
    engine.run(&["run", "-d", "-i", "--name", "box", BUSYBOX, "sh", "-c", script]).unwrap();
    let (mut child, mut lines) = engine.follow(&["logs", "-f", "box"]).unwrap();
    assert_eq!(lines.next().as_deref(), Some("first"));
    let output = crate::support::feed(engine.teu().args(["attach", "--sig-proxy=false", "box"]), b"word\n");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(lines.next().as_deref(), Some("got word"));
    assert_eq!(lines.next(), None);
    assert!(child.wait().unwrap().success());
}

#[test]
fn logs_rotate_within_their_limit() {
    let Some(engine) = engine() else { return };
    let script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 $i; i=$((i+1)); done";
    let options = ["--log-opt", "max-size=64k", "--log-opt", "max-file=3"];
    let arguments = [&["run", "--name", "box"], &options[..], &[BUSYBOX, "sh", "-c", script]].concat();
    engine.run(&arguments).unwrap();
    let path = crate::support::inspect(&engine, "box", "{{.LogPath}}");
    let folder = std::path::Path::new(&path).parent().unwrap();
    let size: u64 = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains("-json.log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(size > 64 << 10 && size <= 3 * (64 << 10) + 4096, "{size}");
    let out = engine.run(&["logs", "box"]).unwrap();
    assert!(out.ends_with(" 2999\n"), "{}", &out[out.len() - 60..]);
}
