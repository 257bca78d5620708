//! `--storage-opt size=`: what a container writes is limited where the file system can.

use std::io::Write as _;

use teu_testkit::engine::Engine;
use teu_testkit::host::{Host, privileged};

use crate::support::{BUSYBOX, busybox, engine, feed, outcome, text};

/// A data root with project quotas: ext4 in a file. None where the kernel does not mount that, which is said where it is
/// seen, and is a failure where `TEU_TEST_QUOTAS` promises that it does.
fn host_with_quotas() -> Option<Host> {
    let host = Host::start().expect("a host");
    let make = "truncate -s 300M disk; mkfs.ext4 -q -O quota,project -E quotatype=prjquota disk; mkdir data";
    let folder = host.directory().display();
    host.sh(&format!("cd {folder}; {make}")).expect("a file system");
    let Err(error) = host.sh(&format!("cd {folder}; mount -o loop,prjquota disk data")) else { return Some(host) };
    assert!(std::env::var_os("TEU_TEST_QUOTAS").is_none(), "{error:#}");
    // Not by a macro, whose output is kept back when a test passes.
    let told = "container_storage_opt: limits were not exercised, as this kernel mounts no ext4 with project quotas; \
                that of scripts/vm does\n";
    std::io::stderr().write_all(told.as_bytes()).expect("standard error");
    None
}

#[test]
fn what_is_written_is_limited() {
    if !privileged() {
        return;
    }
    let Some(host) = host_with_quotas() else { return };
    let engine = Engine::start_on(host, env!("CARGO_BIN_EXE_teu"), &[]).expect("an engine");
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    let write = "dd if=/dev/zero of=/f bs=1M count=20 2>&1 | grep -o 'quota exceeded'; du -m /f | cut -f1";
    let (_, out, err) = outcome(&engine, &["run", "--rm", "--storage-opt", "size=10M", BUSYBOX, "sh", "-c", write]);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.first(), Some(&"quota exceeded"), "{out} {err}");
    assert!(lines[1].parse::<u32>().unwrap() <= 10, "{out}");
    // Another one has its own, and those without are not limited.
    for flags in [&["--storage-opt", "size=30M"][..], &[]] {
        let arguments =
            [&["run", "--rm"], flags, &[BUSYBOX, "dd", "if=/dev/zero", "of=/f", "bs=1M", "count=20"]].concat();
        let (code, _, err) = outcome(&engine, &arguments);
        assert_eq!(code, 0, "{err}");
    }
}

#[test]
fn where_it_cannot_be_the_way_out_is_said() {
    let Some(engine) = engine() else { return };
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--storage-opt", "size=1g", BUSYBOX]);
    assert_eq!(code, 125);
    assert!(err.contains("--storage-opt is supported only for overlay over xfs with 'pquota' mount option"), "{err}");
    assert!(err.contains("with 'prjquota'") && err.contains("without project quotas"), "{err}");
    let (code, _, err) = outcome(&engine, &["run", "--rm", "--storage-opt", "inodes=1", BUSYBOX]);
    assert_eq!(code, 125);
    assert!(err.contains("Unknown option inodes"), "{err}");
    assert_eq!(text(&engine.output(&["ps", "-aq"]).unwrap().stdout), "", "nothing is left of them");
}
