//! `load`, `save` and `import`.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Mutex;

use serde_json::{Value, json};
use teu_image::{DriverKind, ErrorKind, ImportOptions, Progress, Store, Update};
use teu_oci::digest::Digest;
use teu_oci::reference::Reference;
use teu_testkit::host::privileged;
use teu_testkit::image::{Image, Layer, archive, gzip};

use crate::conformance::{DRIVERS, Fixture};

fn sample(name: &str) -> Image {
    let base =
        Layer::new().dir("etc", 0o755).file("etc/hosts", 0o644, vec![b'h'; 70_000]).symlink("l", "etc/hosts").finish();
    let top = Layer::new().whiteout("l").hard_link("etc/again", "etc/new").finish();
    // A hard link needs its target in the layer: put it there.
    let top = [Layer::new().file("etc/new", 0o600, "n").finish()[..1024].to_vec(), top].concat();
    Image::new(name).layer(base).layer(top).cmd(&["sh"]).set("Labels", json!({ "a": "b" }))
}

fn save(store: &Store, names: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    store.save(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), &mut out).unwrap();
    out
}

/// The files of an archive.
fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        files.insert(entry.path().unwrap().to_string_lossy().into_owned(), content);
    }
    files
}

#[test]
fn saved_layers_are_the_same_bytes() {
    if !privileged() {
        return;
    }
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        let image = sample("app:1").name("app:2");
        let loaded = fixture.store.load(&image.docker_archive()[..], &()).unwrap();
        assert_eq!(loaded[0].id, image.id());
        let names: Vec<_> = loaded[0].tags.iter().map(Reference::familiar).collect();
        assert_eq!(names, ["app:1", "app:2"]);
        let saved = save(&fixture.store, &["app:1"]);
        let files = files(&saved);
        for layer in image.layers() {
            assert!(files[&format!("blobs/sha256/{}", Digest::of(layer).hex())] == *layer, "{driver:?}");
        }
        assert!(files[&format!("blobs/sha256/{}", image.id().hex())] == image.config());
        let manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
        assert_eq!(manifest[0]["RepoTags"], json!(["app:1"]));
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/library/app:1");
        // And it loads elsewhere.
        let other = Fixture::new(driver);
        let again = other.store.load(&saved[..], &()).unwrap();
        assert_eq!(again[0].id, image.id());
        assert_eq!(save(&other.store, &["app:1"]), saved, "saving is reproducible");
    }
}

#[test]
fn every_form_of_archive() {
    if !privileged() {
        return;
    }
    let image = sample("app:1");
    let docker = image.docker_archive();
    let oci = image.oci_archive();
    let zstd = zstd::stream::encode_all(&docker[..], 1).unwrap();
    for (what, archive) in [
        ("docker", docker.clone()),
        ("docker, gzip", gzip(&docker)),
        ("docker, zstd", zstd),
        ("oci", oci.clone()),
        ("oci, gzip", gzip(&oci)),
        ("before docker 1.10", legacy(&image)),
    ] {
        let fixture = Fixture::new(DriverKind::Erofs);
        let loaded = fixture.store.load(&archive[..], &()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(loaded.len(), 1, "{what}");
        assert_eq!(loaded[0].tags[0].familiar(), "app:1", "{what}");
        let found = fixture.store.resolve("app:1").unwrap();
        let expected: Vec<_> = image.layers().iter().map(|layer| Digest::of(layer)).collect();
        assert_eq!(found.config.rootfs.diff_ids, expected, "{what}");
        assert_eq!(found.config.config.as_ref().unwrap().cmd.as_deref(), Some(&["sh".to_owned()][..]), "{what}");
        if what != "before docker 1.10" {
            assert_eq!(found.id, image.id(), "{what}");
        }
        // Again: everything is there already.
        assert_eq!(fixture.store.load(&archive[..], &()).unwrap()[0].id, found.id, "{what}");
    }
}

/// The layout of Docker's first versions: a folder per layer, one of them a link to save space.
fn legacy(image: &Image) -> Vec<u8> {
    let [base, top] = image.layers() else { panic!("two layers") };
    let config = json!({ "Cmd": ["sh"], "Labels": { "a": "b" } });
    let bottom =
        json!({ "id": "b", "created": "2014-01-01T00:00:00Z", "container_config": { "Cmd": ["/bin/sh", "-c", "x"] } });
    let upper = json!({ "id": "t", "parent": "b", "architecture": "amd64", "os": "linux", "config": config });
    Layer::new()
        .file("store/base.tar", 0o644, base)
        .file("b/VERSION", 0o644, "1.0")
        .file("b/json", 0o644, bottom.to_string())
        .symlink("b/layer.tar", "../store/base.tar")
        .file("t/VERSION", 0o644, "1.0")
        .file("t/json", 0o644, upper.to_string())
        .file("t/layer.tar", 0o644, top)
        .file("repositories", 0o644, json!({ "app": { "1": "t" } }).to_string())
        .finish()
}

#[test]
fn several_images_share_layers() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let base = Layer::new().file("base", 0o644, "base").finish();
    let one = Image::new("one:1").layer(base.clone());
    let two = Image::new("two:1").layer(base).layer(Layer::new().file("two", 0o644, "two").finish());
    let loaded = fixture.store.load(&archive(&[one.clone(), two.clone()])[..], &()).unwrap();
    assert_eq!(loaded.iter().map(|l| l.id).collect::<Vec<_>>(), [one.id(), two.id()]);
    let saved = save(&fixture.store, &["two:1", "one:1"]);
    assert_eq!(files(&saved).keys().filter(|name| name.starts_with("blobs/")).count(), 2 + 2 + 2 + 2);
    // A name moves, and whoever had it is told.
    let new = Image::new("one:1").layer(Layer::new().file("new", 0o644, "new").finish());
    let loaded = fixture.store.load(&new.docker_archive()[..], &()).unwrap();
    assert_eq!(loaded[0].replaced, [(Reference::parse("one:1").unwrap(), one.id())]);
}

#[test]
fn names_in_saved_archives() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let image = sample("app:1").name("app:2");
    fixture.store.load(&image.docker_archive()[..], &()).unwrap();
    let tags = |names: &[&str]| {
        let manifest: Value = serde_json::from_slice(&files(&save(&fixture.store, names))["manifest.json"]).unwrap();
        manifest[0]["RepoTags"].clone()
    };
    assert_eq!(tags(&["app"]), json!(["app:1", "app:2"]), "a repository is all its tags");
    assert_eq!(tags(&["app:2"]), json!(["app:2"]));
    assert_eq!(tags(&[&image.id().short()]), Value::Null);
    assert_eq!(tags(&[&image.id().to_string(), "app:2"]), json!(["app:2"]));
    let mut out = Vec::new();
    let error = fixture.store.save(&["none".to_owned()], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "No such image: none:latest");
}

#[test]
fn broken_archives_leave_nothing() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let image = sample("app:1");
    let docker = image.docker_archive();
    let rewritten = |name: &str, content: &[u8]| {
        let mut tar = Layer::new();
        for (file, bytes) in files(&docker) {
            tar = if file.ends_with(name) { tar.file(&file, 0o644, content) } else { tar.file(&file, 0o644, bytes) };
        }
        tar.finish()
    };
    let wrong_layer = Layer::new().file("other", 0o644, "x").finish();
    let first = Digest::of(&image.layers()[0]).hex();
    let mut broken_oci = image.oci_archive();
    let at = broken_oci.windows(2).position(|pair| pair == [0x1f, 0x8b]).unwrap();
    broken_oci[at + 100] ^= 0xff;
    for (what, archive, message) in [
        ("empty", Vec::new(), "no image"),
        ("not an archive", vec![b'x'; 5000], "malformed tar"),
        ("truncated", docker[..docker.len() / 2].to_vec(), "unexpected end"),
        ("bad manifest", rewritten("manifest.json", b"{]"), "manifest.json"),
        ("no layers", rewritten("manifest.json", br#"[{"Config":"x","Layers":[]}]"#), "missing"),
        ("path out", rewritten("manifest.json", br#"[{"Config":"../../etc/passwd","Layers":[]}]"#), "missing"),
        ("wrong layer", rewritten(&format!("{first}/layer.tar"), &wrong_layer), "invalid diffID for layer 0"),
        ("corrupt blob", broken_oci, "layer sha256:"),
    ] {
        let error = fixture.store.load(&archive[..], &()).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
        assert!(error.to_string().contains(message), "{what}: {error}");
        assert_eq!(fixture.store.disk_usage().unwrap(), 0, "{what}");
        let inside = fixture.folder.path().join("store/erofs");
        for name in ["ingest", "layers"] {
            assert_eq!(std::fs::read_dir(inside.join(name)).unwrap().count(), 0, "{what}: {name}");
        }
    }
}

/// Indexes that list each other many times: read naively, this one takes 2,000 to the power of four steps.
#[test]
fn indexes_that_multiply_are_refused() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let mut tar = Layer::new();
    let mut inner = br#"{"schemaVersion":2,"manifests":[]}"#.to_vec();
    for _ in 0..4 {
        tar = tar.file(&format!("blobs/sha256/{}", Digest::of(&inner).hex()), 0o644, &inner);
        let entry = json!({ "mediaType": "application/vnd.oci.image.index.v1+json", "digest": Digest::of(&inner), "size": inner.len() });
        inner = serde_json::to_vec(&json!({ "schemaVersion": 2, "manifests": vec![entry; 2000] })).unwrap();
    }
    let archive = tar.file("index.json", 0o644, inner).finish();
    let error = fixture.store.load(&gzip(&archive)[..], &()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("refer to each other too often"), "{error}");
}

#[test]
fn imported() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let tar = Layer::new().file("f", 0o644, "x").finish();
    let options = ImportOptions {
        reference: Some(Reference::parse("fresh").unwrap()),
        changes: vec!["CMD [\"f\"]".into(), "ENV A=b".into()],
        ..ImportOptions::default()
    };
    let id = fixture.store.import(&gzip(&tar)[..], &options, &()).unwrap();
    let image = fixture.store.resolve("fresh:latest").unwrap();
    assert_eq!(image.id, id);
    assert_eq!(image.config.rootfs.diff_ids, [Digest::of(&tar)]);
    assert_eq!(image.config.config.as_ref().unwrap().env, ["A=b"]);
    let history = fixture.store.history("fresh").unwrap();
    assert_eq!((history[0].comment.as_str(), history[0].size, history[0].id), ("Imported from -", 1, Some(id)));
    let bad = ImportOptions { changes: vec!["RUN x".into()], ..ImportOptions::default() };
    assert_eq!(fixture.store.import(&tar[..], &bad, &()).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(
        fixture.store.import(&b"no tar at all"[..], &ImportOptions::default(), &()).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

#[test]
fn progress_is_told() {
    struct Seen(Mutex<Vec<String>>);
    impl Progress for Seen {
        fn update(&self, update: Update<'_>) {
            self.0.lock().unwrap().push(format!("{} {}/{:?}", update.status, update.current, update.total));
        }
    }
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let seen = Seen(Mutex::default());
    fixture.store.load(&sample("app:1").docker_archive()[..], &seen).unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert!(seen.iter().any(|line| line.starts_with("Loading layer ")), "{seen:?}");
}
