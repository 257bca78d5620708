//! `system df`: sizes on disk, for each storage driver, in the shape of each version.

use serde_json::Value;

use crate::api::get;
use crate::support::{BUSYBOX, engine, engine_with, feed, outcome};
use teu_testkit::engine::Engine;
use teu_testkit::image::Layer;

/// An engine with two images that share a layer; a container of one, which has written 5000 bytes, and 700 in a volume.
fn furnished(driver: &str) -> Option<Engine> {
    let engine = engine_with(&["--storage-driver", driver])?;
    let image = teu_testkit::image::busybox("twin:1").unwrap();
    let image = image.layer(Layer::new().file("own", 0o644, vec![b'x'; 300_000]).finish());
    assert!(feed(engine.teu().arg("load"), &image.docker_archive()).status.success());
    let script = "head -c 5000 /dev/zero > /file; head -c 700 /dev/zero > /data/file";
    engine.run(&["run", "--name", "ended", "-v", "data:/data", BUSYBOX, "sh", "-c", script]).unwrap();
    engine.run(&["run", "-d", "--name", "up", BUSYBOX, "sleep", "1000"]).unwrap();
    engine.run(&["volume", "create", "empty"]).unwrap();
    Some(engine)
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn sizes_are_those_on_disk() {
    // Not every kernel mounts EROFS from every file system.
    let Some(engine) = engine() else { return };
    let usable = engine.run(&["info", "--format", "{{.Driver}}"]).unwrap();
    drop(engine);
    for driver in ["overlay"].into_iter().chain((usable.trim() == "erofs").then_some("erofs")) {
        let Some(engine) = furnished(driver) else { return };
        let usage = get(&engine, "/v1.56/system/df?verbose=1").json();
        let images = &usage["ImageUsage"];
        assert_eq!((number(&images["TotalCount"]), number(&images["ActiveCount"])), (2, 1));
        let total = number(&images["TotalSize"]);
        let layers = engine.host.path(&format!("data/image/{driver}/layers"));
        let disk: i64 = engine
            .host
            .sh(&format!("du -s --block-size=1 {} | cut -f1", layers.display()))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        // Folders take blocks that nobody counts.
        assert!((total..total + total / 10).contains(&disk), "{driver}: {disk} on disk, {total} told");
        let twin = images["Items"].as_array().unwrap().iter().find(|image| image["RepoTags"][0] == "twin:1").unwrap();
        let unique = number(&twin["Size"]) - number(&twin["SharedSize"]);
        assert!((300_000..320_000).contains(&unique), "{driver}: {twin}");
        assert_eq!(number(&twin["Size"]), total, "{driver}: both layers are its own");
        assert_eq!(number(&images["Reclaimable"]), unique, "{driver}: what is shared is in use");
        let out = engine.run(&["image", "prune", "-af"]).unwrap();
        assert!(out.contains("untagged: twin:1") && !out.contains("space: 0B"), "{out}");
        let left = get(&engine, "/v1.56/system/df?verbose=1").json();
        assert_eq!(number(&left["ImageUsage"]["TotalSize"]), total - unique, "{driver}");
    }
}

#[test]
fn containers_and_volumes_are_measured() {
    let Some(engine) = furnished("overlay") else { return };
    let usage = get(&engine, "/v1.56/system/df").json();
    let sums = |kind: &str| {
        let usage = &usage[kind];
        ["TotalCount", "ActiveCount", "TotalSize", "Reclaimable"].map(|field| number(&usage[field]))
    };
    assert_eq!(sums("ContainerUsage"), [2, 1, 5000, 5000]);
    assert_eq!(sums("VolumeUsage"), [2, 1, 700, 0]);
    assert_eq!(sums("BuildCacheUsage"), [0; 4]);
    assert_eq!(usage["Volumes"][0]["UsageData"], serde_json::json!({"Size": 700, "RefCount": 1}));

    let lines = engine.run(&["system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}"]).unwrap();
    let lines: Vec<_> = lines.lines().skip(1).collect();
    assert_eq!(lines, ["Containers|2|1|5kB", "Local Volumes|2|1|700B", "Build Cache|0|0|0B"]);
    let text = engine.run(&["system", "df", "-v"]).unwrap();
    for part in ["Images space usage:\n\nREPOSITORY ", "\nContainers space usage:\n\n", "\nBuild cache usage: 0B\n\n"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("\ndata          1         700B\n"), "{text}");
    let names = "{{range .Images}}{{.Repository}} {{end}}{{range .Containers}}{{.Names}} {{end}}";
    let named = engine.run(&["system", "df", "-v", "--format", names]).unwrap();
    assert_eq!(named.split_whitespace().count(), 4, "{named}");
    let (code, _, err) = outcome(&engine, &["system", "df", "--format", "{{.Nope}}"]);
    assert!(code == 1 && err.contains("can't evaluate field Nope"), "{err}");
}

#[test]
fn the_shapes_of_the_versions() {
    let Some(engine) = engine_with(&[]) else { return };
    let keys = |path: &str| -> Vec<String> {
        let answer = get(&engine, path);
        assert_eq!(answer.status, 200, "{path}");
        let mut keys: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let old = ["BuildCache", "Containers", "Images", "LayersSize", "Volumes"];
    assert_eq!(keys("/v1.24/system/df?type=image"), old);
    assert_eq!(keys("/v1.51/system/df?type=image&verbose=1"), old);
    assert_eq!(get(&engine, "/v1.51/system/df?type=image").json()["Containers"], Value::Null);
    assert_eq!(keys("/v1.52/system/df?type=image"), ["ImageUsage", "Images", "LayersSize"]);
    assert_eq!(keys("/v1.52/system/df?type=image&type=volume&verbose=1"), ["ImageUsage", "VolumeUsage"]);
    let unknown = get(&engine, "/v1.45/system/df?type=nothing");
    assert_eq!((unknown.status, unknown.message().as_str()), (400, "unknown object type: nothing"));
    let virtual_size = |path: &str| get(&engine, path).json().pointer("/Images/0/VirtualSize").is_some();
    assert!(virtual_size("/v1.43/system/df") && !virtual_size("/v1.44/system/df"));
    let listed = |path: &str| get(&engine, path).json().pointer("/0/VirtualSize").is_some();
    assert!(listed("/v1.43/images/json") && !listed("/v1.44/images/json"));
}
