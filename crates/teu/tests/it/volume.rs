//! Volumes by name: made, listed, used, removed.

use crate::support::{BUSYBOX, engine, inspect, outcome, sh};

#[test]
fn volumes_outlive_containers_and_go_when_asked() {
    let Some(engine) = engine() else { return };
    assert_eq!(engine.run(&["volume", "create", "--label", "a=b", "data"]).unwrap(), "data\n");
    assert_eq!(engine.run(&["volume", "create", "data"]).unwrap(), "data\n", "again is no failure");
    sh(&engine, &["-v", "data:/d"], "echo kept > /d/file");
    assert_eq!(sh(&engine, &["-v", "data:/d:ro"], "cat /d/file"), "kept\n");
    let shown = engine.run(&["volume", "inspect", "-f", "{{.Driver}} {{.Labels.a}} {{.Scope}}", "data"]).unwrap();
    assert_eq!(shown.trim(), "local b local");
    assert_eq!(
        engine.run(&["inspect", "-f", "{{.Name}}", "data"]).unwrap(),
        "data\n",
        "by inspect without a type, too"
    );

    engine.run(&["create", "--name", "user", "-v", "data:/d", "-v", "/anonymous", BUSYBOX, "true"]).unwrap();
    let (code, _, err) = outcome(&engine, &["volume", "rm", "data"]);
    assert_eq!(code, 1);
    assert!(err.starts_with("Error response from daemon: remove data: volume is in use - ["), "{err}");
    assert_eq!(engine.run(&["volume", "ls", "-q", "-f", "dangling=true"]).unwrap(), "");
    engine.run(&["rm", "user"]).unwrap();
    assert_eq!(engine.run(&["volume", "ls", "-q", "-f", "label=a=b", "-f", "dangling=1"]).unwrap(), "data\n");
    assert_eq!(engine.run(&["volume", "rm", "data"]).unwrap(), "data\n");
    let (code, _, err) = outcome(&engine, &["volume", "rm", "data"]);
    assert_eq!((code, err.as_str()), (1, "Error response from daemon: get data: no such volume\n"));
    engine.run(&["volume", "rm", "-f", "data"]).unwrap();
}

/// Who waits for the removal is told when the volumes are gone, too.
#[test]
fn anonymous_volumes_are_gone_when_a_run_returns() {
    let Some(engine) = engine() else { return };
    for round in 0..20 {
        sh(&engine, &["--rm", "-v", "/data"], "echo content > /data/file");
        assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap(), "", "round {round}");
    }
}

#[test]
fn names_that_cannot_be() {
    let Some(engine) = engine() else { return };
    for (arguments, words) in [
        (&["create", "x"][..], "create x: volume name is too short"),
        (&["create", "../up"], "includes invalid characters for a local volume name"),
        (&["create", "-d", "nfs", "data"], "plugin \"nfs\" not found"),
        (&["create", "-o", "type=nfs", "data"], "--opt is not supported yet"),
        (&["inspect", "nope"], "get nope: no such volume"),
        (&["ls", "-f", "bad=1"], "invalid filter 'bad'"),
    ] {
        let (code, _, err) = outcome(&engine, &[&["volume"], arguments].concat());
        assert_eq!(code, 1, "{arguments:?}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
    assert_eq!(engine.run(&["volume", "ls"]).unwrap(), "DRIVER    VOLUME NAME\n");
}

/// As in Docker: the driver matters where a volume is to be made.
#[test]
fn drivers_that_are_not_there() {
    let Some(engine) = engine() else { return };
    engine.run(&["create", "--name", "bare", "--volume-driver", "nope", BUSYBOX]).unwrap();
    assert_eq!(inspect(&engine, "bare", "{{.HostConfig.VolumeDriver}}"), "nope");
    let (code, _, err) =
        outcome(&engine, &["create", "--pull", "never", "-v", "data:/data", "--volume-driver", "nope", BUSYBOX]);
    assert_eq!(code, 1);
    assert!(err.contains("create data: error looking up volume plugin nope: plugin \"nope\" not found"), "{err}");
    assert_eq!(engine.run(&["ps", "-aq", "--filter", "volume=data"]).unwrap(), "");
    engine.run(&["volume", "create", "data"]).unwrap();
    engine.run(&["create", "-v", "data:/data", "--volume-driver", "nope", BUSYBOX]).unwrap();
}
