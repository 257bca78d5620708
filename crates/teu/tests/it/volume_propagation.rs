//! Mounts that spread between the host and containers, as far as a bind asks for it.

use crate::support::{BUSYBOX, engine, outcome};
use teu_testkit::engine::Engine;

/// Runs one in the background that sees the host's folder `folder` at `/mnt`.
fn with_bind(engine: &Engine, name: &str, folder: &str, propagation: &str) {
    let bind = format!("{}:/mnt:{propagation}", engine.host.path(folder).display());
    engine
        .run(&["run", "-d", "--privileged", "--init", "--name", name, "-v", &bind, BUSYBOX, "sleep", "1000"])
        .unwrap();
}

#[test]
fn mounts_spread_as_a_bind_asks_for() {
    let Some(engine) = engine() else { return };
    let folder = engine.host.path("shared");
    let folder = folder.display();
    engine.host.sh(&format!("mkdir {folder}; mount -t tmpfs shared {folder}; mount --make-shared {folder}")).unwrap();
    for propagation in ["rshared", "rslave", "rprivate"] {
        with_bind(&engine, propagation, "shared", propagation);
    }
    let make = |at: &str| format!("mkdir {at} && mount -t tmpfs new {at} && touch {at}/file");
    engine.host.sh(&make(&format!("{folder}/host"))).unwrap();
    for name in ["rshared", "rslave", "rprivate"] {
        engine.run(&["exec", name, "sh", "-c", &make(&format!("/mnt/{name}"))]).unwrap();
    }
    let seen = |name: &str| engine.run(&["exec", name, "sh", "-c", "cd /mnt; ls */file"]).unwrap_or_default();
    assert_eq!(seen("rshared"), "host/file\nrshared/file\n");
    assert_eq!(seen("rslave"), "host/file\nrshared/file\nrslave/file\n");
    assert_eq!(seen("rprivate"), "rprivate/file\n");
    assert_eq!(engine.host.sh(&format!("cd {folder}; ls */file")).unwrap(), "host/file\nrshared/file\n");
}

/// What could not spread is refused: it would be missed without a word.
#[test]
fn mounts_that_cannot_spread_are_refused() {
    let Some(engine) = engine() else { return };
    let refused = |folder: &str, propagation: &str| {
        let bind = format!("{}:/mnt:{propagation}", engine.host.path(folder).display());
        let (code, _, err) = outcome(&engine, &["run", "--rm", "-v", &bind, BUSYBOX, "true"]);
        assert_eq!(code, 125, "{err}");
        err
    };
    let folder = engine.host.path("slave");
    let folder = folder.display();
    engine
        .host
        .sh(&format!(
            "mkdir {folder}; mount -t tmpfs slave {folder}; mount --make-shared {folder}
             mount --bind {folder} {folder}; mount --make-slave {folder}"
        ))
        .unwrap();
    for propagation in ["shared", "rshared"] {
        let err = refused("slave", propagation);
        assert!(err.contains(&format!("path {folder} is mounted on {folder} but it is not a shared mount")), "{err}");
    }
    let bind = format!("{folder}:/mnt:rslave");
    engine.run(&["run", "--rm", "-v", &bind, BUSYBOX, "true"]).unwrap();
    let err = refused("new", "slave");
    assert!(err.contains("but it is not a shared or slave mount"), "{err}");
}
