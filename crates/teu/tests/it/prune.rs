//! Prunes: what goes, what stays, what is said, what is refused.

use std::process::Stdio;

use serde_json::json;

use crate::api::post;
use crate::support::{BUSYBOX, busybox, engine, feed, outcome, text};
use teu_testkit::engine::Engine;
use teu_testkit::image::{Image, Layer};
use teu_testkit::upgrade::until;

/// The last event of a prune of this kind: its attribute `reclaimed`.
fn reclaimed(engine: &Engine, kind: &str) -> String {
    let kind = format!("type={kind}");
    let arguments = ["events", "--since", "0", "--until", "0s", "--filter", &kind, "--filter", "event=prune"];
    let format = ["--format", "{{.Actor.ID}}{{.Actor.Attributes.reclaimed}}"];
    let lines = engine.run(&[&arguments[..], &format].concat()).unwrap();
    lines.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn stopped_containers_go() {
    let Some(engine) = engine() else { return };
    engine.run(&["run", "-d", "--name", "up", BUSYBOX, "sleep", "1000"]).unwrap();
    let script = "head -c 5000 /dev/zero > /file";
    let id = |name: &str, flags: &[&str]| {
        engine.run(&[&["create", "--name", name][..], flags, &[BUSYBOX, "sh", "-c", script]].concat()).unwrap()
    };
    let old = id("old", &["--label", "keep=no"]);
    engine.run(&["start", "-a", "old"]).unwrap();
    id("kept", &["--label", "keep"]);
    let names = || engine.run(&["ps", "-a", "--format", "{{.Names}}"]).unwrap();

    // Asked for, and not confirmed.
    let asked = feed(engine.teu().args(["container", "prune"]), b"n\n");
    assert!(asked.status.success());
    let warning = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
    assert_eq!(text(&asked.stdout), warning);
    let silent = engine.teu().args(["container", "prune"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(text(&silent.stdout), warning, "nobody there is a no");
    assert_eq!(names(), "kept\nold\nup\n");

    // Too young, of another label, spared by its label.
    for filter in ["until=1h", "label=other", "label!=keep", "until=0"] {
        let out = engine.run(&["container", "prune", "-f", "--filter", filter, "--filter", "label=keep"]).unwrap();
        assert_eq!(out, "Total reclaimed space: 0B\n", "{filter}");
    }
    assert_eq!(reclaimed(&engine, "container"), "0");
    let pruned = feed(engine.teu().args(["container", "prune", "--filter", "label=keep=no"]), b"Y\n");
    let told = format!("{warning}Deleted Containers:\n{old}\nTotal reclaimed space: 5kB\n");
    assert_eq!(text(&pruned.stdout), told);
    assert_eq!(reclaimed(&engine, "container"), "5000");
    assert_eq!(names(), "kept\nup\n");
    engine.run(&["container", "prune", "-f"]).unwrap();
    assert_eq!(names(), "up\n");
}

#[test]
fn unused_images_go() {
    let Some(engine) = engine() else { return };
    let load = |image: Image| assert!(feed(engine.teu().arg("load"), &image.docker_archive()).status.success());
    let layer = |content: &str| Layer::new().file("f", 0o644, content).finish();
    load(Image::new("app:1").layer(layer("first")));
    let first = engine.run(&["images", "-q", "--no-trunc", "app:1"]).unwrap();
    load(Image::new("app:1").layer(layer("second")));
    engine.run(&["create", "--name", "box", BUSYBOX]).unwrap();
    engine.run(&["tag", BUSYBOX, "box:2"]).unwrap();

    let out = engine.run(&["image", "prune", "-f"]).unwrap();
    assert!(out.starts_with(&format!("Deleted Images:\ndeleted: {first}deleted: sha256:")), "{out}");
    assert!(out.contains("\n\nTotal reclaimed space: ") && !out.contains("space: 0B"), "{out}");
    let at_hand = || engine.run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).unwrap();
    assert_eq!(at_hand().lines().count(), 3);
    assert_eq!(engine.run(&["image", "prune", "-af", "--filter", "label=x"]).unwrap(), "Total reclaimed space: 0B\n");
    let out = engine.run(&["image", "prune", "-af"]).unwrap();
    assert!(out.starts_with("Deleted Images:\nuntagged: app:1\ndeleted: sha256:"), "{out}");
    let mut left: Vec<_> = at_hand().lines().map(str::to_owned).collect();
    left.sort();
    assert_eq!(left, ["box:2", BUSYBOX], "an image in use keeps all its names");
    assert_ne!(reclaimed(&engine, "image"), "0");
}

#[test]
fn layers_below_a_container_that_was_just_removed_go_too() {
    let Some(engine) = engine() else { return };
    // What it has written makes its end take longer.
    let script = "head -c 20000000 /dev/zero >/file; echo written; exec sleep 1000";
    let start_and_remove = || {
        engine.run(&["run", "-d", "--name", "web", BUSYBOX, "sh", "-c", script]).unwrap();
        until("written", || engine.run(&["logs", "web"]).is_ok_and(|log| log == "written\n")).unwrap();
        engine.run(&["commit", "web", "made"]).unwrap();
        engine.run(&["rm", "-f", "web"]).unwrap();
    };
    start_and_remove();
    let out = engine.run(&["rmi", "made", BUSYBOX]).unwrap();
    assert_eq!(out.matches("Deleted: sha256:").count(), 4, "two images with a layer of their own each: {out}");
    assert!(feed(engine.teu().arg("load"), busybox()).status.success());
    start_and_remove();
    let out = engine.run(&["image", "prune", "-af"]).unwrap();
    assert_eq!(out.matches("deleted: sha256:").count(), 4, "two images with a layer of their own each: {out}");
}

#[test]
fn volumes_without_name_go() {
    let Some(engine) = engine() else { return };
    engine.run(&["volume", "create", "--label", "a", "named"]).unwrap();
    engine.run(&["volume", "create", "used"]).unwrap();
    engine.run(&["create", "--name", "user", "-v", "used:/d", BUSYBOX]).unwrap();
    let script = "head -c 3000 /dev/zero > /anonymous/file";
    engine.run(&["run", "--name", "gone", "-v", "/anonymous", BUSYBOX, "sh", "-c", script]).unwrap();
    let made = engine.run(&["volume", "create"]).unwrap();
    let anonymous = engine.run(&["volume", "ls", "-q"]).unwrap();
    assert_eq!(anonymous.lines().count(), 4);
    engine.run(&["rm", "gone"]).unwrap();

    let out = engine.run(&["volume", "prune", "-f"]).unwrap();
    assert!(out.starts_with("Deleted Volumes:\n") && out.contains(made.trim()), "{out}");
    assert!(out.ends_with("\n\nTotal reclaimed space: 3kB\n"), "{out}");
    assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap(), "named\nused\n");
    assert_eq!(reclaimed(&engine, "volume"), "3000");
    engine.run(&["volume", "prune", "-af", "--filter", "label!=a"]).unwrap();
    assert_eq!(engine.run(&["volume", "ls", "-q"]).unwrap(), "named\nused\n");
    let out = engine.run(&["volume", "prune", "-af"]).unwrap();
    assert_eq!(out, "Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B\n");
}

#[test]
fn everything_at_once() {
    let Some(engine) = engine() else { return };
    let ended = engine.run(&["run", "-d", "--name", "ended", "-v", "/data", BUSYBOX, "true"]).unwrap();
    engine.run(&["wait", "ended"]).unwrap();
    let asked = feed(engine.teu().args(["system", "prune", "-a", "--volumes"]), b"\n");
    assert!(text(&asked.stdout).starts_with("WARNING! This will remove:\n  - all stopped containers\n"));
    assert_eq!(engine.run(&["ps", "-aq", "--no-trunc"]).unwrap(), ended);
    let out = engine.run(&["system", "prune", "-af", "--volumes"]).unwrap();
    let order = ["Deleted Containers:", "Deleted Volumes:", "Deleted Images:", "Total reclaimed space: "];
    let places: Vec<_> =
        order.iter().map(|title| out.find(title).unwrap_or_else(|| panic!("{title}: {out}"))).collect();
    assert!(places.is_sorted(), "{out}");
    for (arguments, left) in [(&["ps", "-aq"][..], ""), (&["images", "-q"], ""), (&["volume", "ls", "-q"], "")] {
        assert_eq!(engine.run(arguments).unwrap(), left, "{arguments:?}");
    }
    assert_eq!(
        engine.run(&["network", "ls", "-q"]).unwrap().lines().count(),
        3,
        "those that come with the engine stay"
    );
}

#[test]
fn the_words_of_the_api() {
    let Some(engine) = engine() else { return };
    for (path, body) in [
        ("/v1.45/containers/prune", json!({"ContainersDeleted": null, "SpaceReclaimed": 0})),
        ("/v1.45/images/prune", json!({"ImagesDeleted": null, "SpaceReclaimed": 0})),
        ("/v1.45/networks/prune", json!({"NetworksDeleted": null})),
        ("/v1.45/volumes/prune", json!({"VolumesDeleted": [], "SpaceReclaimed": 0})),
        ("/v1.45/build/prune", json!({"CachesDeleted": null, "SpaceReclaimed": 0})),
    ] {
        let answer = post(&engine, path, "");
        assert_eq!((answer.status, answer.json()), (200, body), "{path}");
    }
    engine.run(&["volume", "create", "named"]).unwrap();
    assert_eq!(post(&engine, "/v1.42/volumes/prune", "").json()["VolumesDeleted"], json!([]));
    assert_eq!(post(&engine, "/v1.41/volumes/prune", "").json()["VolumesDeleted"], json!(["named"]));
    let broken = post(&engine, "/v1.45/volumes/prune?filters=%7B", "");
    assert_eq!((broken.status, broken.message().as_str()), (400, "invalid filter"));
}

#[test]
fn what_is_refused() {
    let Some(engine) = engine() else { return };
    for (arguments, message) in [
        (&["container", "prune", "-f", "--filter", "bad=1"][..], "Error response from daemon: invalid filter 'bad'\n"),
        (
            &["network", "prune", "-f", "--filter", "until=x"],
            "Error response from daemon: failed to parse value as time or duration: \"x\"\n",
        ),
        (&["volume", "prune", "-f", "--filter", "until=1h"], "Error response from daemon: invalid filter 'until'\n"),
        (
            &["image", "prune", "-f", "--filter", "until=1h", "--filter", "until=2h"],
            "Error response from daemon: more than one until filter specified\n",
        ),
        (
            &["volume", "prune", "-a", "--filter", "all=1"],
            "conflicting options: cannot specify both --all and --filter all=1\n",
        ),
        (
            &["system", "prune", "--volumes", "--filter", "until=1h"],
            "ERROR: The \"until\" filter is not supported with \"--volumes\"\n",
        ),
    ] {
        let (code, out, err) = outcome(&engine, arguments);
        assert_eq!((code, out.as_str(), err.as_str()), (1, "", message), "{arguments:?}");
    }
}
