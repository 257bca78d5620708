//! Names, listing and removal, by Docker's rules.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use teu_image::{ContainerUse, DriverKind, Error, ErrorKind, ListOptions, Removed, SnapshotOptions, Store};
use teu_oci::digest::Digest;
use teu_oci::reference::Reference;
use teu_testkit::host::privileged;
use teu_testkit::image::{Image, Layer};

use crate::conformance::{Fixture, each_driver};

fn layer(content: &str) -> Vec<u8> {
    Layer::new().file("f", 0o644, content).finish()
}

fn load(store: &Store, image: &Image) -> Digest {
    store.load(&image.docker_archive()[..], &()).unwrap()[0].id
}

fn tag(store: &Store, image: &str, target: &str) {
    store.tag(image, &Reference::parse(target).unwrap()).unwrap();
}

fn texts(removed: &[Removed]) -> Vec<String> {
    removed.iter().map(ToString::to_string).collect()
}

fn message<T: std::fmt::Debug>(result: teu_image::Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn resolution() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = Fixture::new(DriverKind::Erofs);
    let id = load(&store, &Image::new("app:latest").layer(layer("1")));
    let manifest = Digest::of(b"manifest");
    let pinned = Reference::parse("app").unwrap().with_digest(manifest);
    store
        .create_image(&teu_image::NewImage {
            config: store.raw_config(&id).unwrap(),
            tags: vec![],
            digests: vec![pinned.clone()],
            parent: None,
        })
        .unwrap();
    for name in [
        "app".to_owned(),
        "app:latest".to_owned(),
        "docker.io/library/app".to_owned(),
        pinned.familiar(),
        format!("app@{id}"),
        id.to_string(),
        id.hex(),
        id.short(),
        format!("sha256:{}", id.short()),
        id.hex()[..3].to_owned(),
    ] {
        let image = store.resolve(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(image.id, id, "{name}");
        assert_eq!(image.digests, std::slice::from_ref(&pinned));
    }
    assert_eq!(message(store.resolve("none")), "No such image: none:latest");
    assert_eq!(message(store.resolve("none:1")), "No such image: none:1");
    assert_eq!(message(store.resolve(&"0".repeat(64))), format!("No such image: {}", "0".repeat(64)));
    assert_eq!(store.resolve("App").unwrap_err().kind(), ErrorKind::Invalid);
    // Enough images that one digit is ambiguous.
    for i in 0..17 {
        load(&store, &Image::new("many:1").set("User", json!(i.to_string())));
    }
    let ambiguous =
        (0..16).map(|digit| store.resolve(&format!("{digit:x}"))).any(|r| matches!(r, Err(Error::AmbiguousPrefix(_))));
    assert!(ambiguous);
}

#[test]
fn removal_follows_docker() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = Fixture::new(DriverKind::Erofs);
    let image = Image::new("a:1").layer(layer("base")).layer(layer("top"));
    let id = load(&store, &image);
    let chain = teu_oci::digest::chain_ids(&store.resolve("a:1").unwrap().config.rootfs.diff_ids);
    tag(&store, "a:1", "b");
    // A name of several: only the name goes.
    assert_eq!(texts(&store.remove("b", false, &[]).unwrap()), ["Untagged: b:latest"]);
    // In use: the last name stays unless forced, and the image stays with a running container in any case.
    let container = "c0ffee".repeat(10) + "abcd";
    let user = |running| [ContainerUse { container: container.clone(), image: id, running }];
    let (short_id, short) = (id.short(), &container[..12]);
    assert_eq!(
        message(store.remove("a:1", false, &user(false))),
        format!(
            "conflict: unable to remove repository reference \"a:1\" (must force) - container {short} is using its referenced image {short_id}"
        )
    );
    assert_eq!(
        message(store.remove(&short_id, false, &user(false))),
        format!(
            "conflict: unable to delete {short_id} (must be forced) - image is being used by stopped container {short}"
        )
    );
    assert_eq!(
        message(store.remove(&short_id, true, &user(true))),
        format!(
            "conflict: unable to delete {short_id} (cannot be forced) - image is being used by running container {short}"
        )
    );
    tag(&store, "a:1", "b:2");
    assert_eq!(
        message(store.remove(&short_id, false, &[])),
        format!(
            "conflict: unable to delete {short_id} (must be forced) - image is referenced in multiple repositories"
        )
    );
    store.remove("b:2", false, &[]).unwrap();
    assert_eq!(texts(&store.remove("a:1", true, &user(true)).unwrap()), ["Untagged: a:1"], "the image stays");
    assert_eq!(store.list(&ListOptions { dangling: Some(true), ..ListOptions::default() }).unwrap().len(), 1);
    tag(&store, &short_id, "a:1");
    let expected = [
        "Untagged: a:1".to_owned(),
        format!("Deleted: {id}"),
        format!("Deleted: {}", chain[1]),
        format!("Deleted: {}", chain[0]),
    ];
    assert_eq!(texts(&store.remove("a:1", false, &[]).unwrap()), expected);
    assert_eq!(store.disk_usage().unwrap(), 0);
    assert!(matches!(store.remove("a:1", false, &[]), Err(Error::NoSuchImage(_))));
}

/// Killed in the middle of a removal, an engine must not leave an image without its names.
#[test]
fn an_image_goes_with_its_names_or_not_at_all() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder } = Fixture::new(DriverKind::Erofs);
    let id = load(&store, &Image::new("a:1").layer(layer("1")));
    let stop = "CREATE TRIGGER stop BEFORE DELETE ON images BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    let connection = rusqlite::Connection::open(folder.path().join("store/erofs/image.db")).unwrap();
    connection.execute_batch(stop).unwrap();
    for name in ["a:1".to_owned(), id.short()] {
        assert!(message(store.remove(&name, false, &[])).contains("stopped"));
        assert_eq!(store.resolve("a:1").unwrap().id, id, "{name}");
    }
    assert!(store.prune(true, |_| true, &[]).unwrap().removed.is_empty());
    assert_eq!(store.resolve("a:1").unwrap().id, id);
    connection.execute_batch("DROP TRIGGER stop").unwrap();
    assert_eq!(
        texts(&store.remove("a:1", false, &[]).unwrap())[..2],
        ["Untagged: a:1".into(), format!("Deleted: {id}")]
    );
}

#[test]
fn shared_layers_stay() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = Fixture::new(DriverKind::Erofs);
    let one = load(&store, &Image::new("one:1").layer(layer("base")).layer(layer("one")));
    load(&store, &Image::new("two:1").layer(layer("base")).layer(layer("two")));
    let sizes = store.list(&ListOptions { shared_size: true, ..ListOptions::default() }).unwrap();
    assert!(sizes.iter().all(|image| image.shared_size == Some(4)), "{sizes:?}");
    let removed = store.remove("one:1", false, &[]).unwrap();
    assert_eq!(removed.len(), 3, "name, image and its own layer: {removed:?}");
    assert_eq!(removed[1], Removed::DeletedImage(one));
    assert!(store.layer(&Digest::of(&layer("base"))).unwrap().is_some());
    assert_eq!(store.history("two:1").unwrap().len(), 2);
}

#[test]
fn filters() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = Fixture::new(DriverKind::Erofs);
    load(&store, &Image::new("app:1").name("localhost:5000/team/app:1").set("Labels", json!({ "a": "1", "b": "2" })));
    load(&store, &Image::new("app:2").set("Labels", json!({ "a": "2" })));
    load(&store, &Image::new("other:1"));
    let count = |options: ListOptions| store.list(&options).unwrap().len();
    let strings = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let labels = |all: &[&str]| count(ListOptions { labels: strings(all), ..ListOptions::default() });
    assert_eq!((labels(&["a"]), labels(&["a=1"]), labels(&["a", "b=2"]), labels(&["c"])), (2, 1, 1, 0));
    let references = |all: &[&str]| count(ListOptions { references: strings(all), ..ListOptions::default() });
    assert_eq!(
        (references(&["app"]), references(&["*:1"]), references(&["app:2", "other"]), references(&["*/*/*"])),
        (2, 2, 2, 1)
    );
    let matched =
        store.list(&ListOptions { references: strings(&["localhost*/*/*"]), ..ListOptions::default() }).unwrap();
    assert_eq!(matched[0].tags.len(), 1, "only names that match are shown");
    assert_eq!(count(ListOptions { dangling: Some(false), ..ListOptions::default() }), 3);
    store.remove("other:1", true, &[]).unwrap();
    assert!(store.list(&ListOptions { references: strings(&["["]), ..ListOptions::default() }).is_err());
    assert_eq!(count(ListOptions { until: Some(1_704_067_200), ..ListOptions::default() }), 0);
    assert_eq!(count(ListOptions { until: Some(1_704_067_201), ..ListOptions::default() }), 2);
    assert!(store.list(&ListOptions { before: Some("none".into()), ..ListOptions::default() }).is_err());
}

#[test]
fn pruning() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = Fixture::new(DriverKind::Erofs);
    let old = load(&store, &Image::new("app:1").layer(layer("old")));
    let new = load(&store, &Image::new("app:1").layer(layer("new")));
    let used = load(&store, &Image::new("used:1").layer(layer("used")));
    let user = [ContainerUse { container: "c".repeat(64), image: used, running: false }];
    let pruned = store.prune(false, |_| true, &user).unwrap();
    assert_eq!(pruned.removed[0], Removed::DeletedImage(old));
    assert!(pruned.reclaimed > 0);
    let pruned = store.prune(true, |_| true, &user).unwrap();
    assert!(pruned.removed.contains(&Removed::DeletedImage(new)));
    assert_eq!(store.list(&ListOptions::default()).unwrap().len(), 1);
}

#[test]
fn what_was_found_is_remembered_until_images_change() {
    if !privileged() {
        return;
    }
    let Fixture { store, folder: _folder } = &Fixture::new(DriverKind::Erofs);
    load(store, &Image::new("app:1").layer(layer("1")));
    let known = |name: &str| store.resolved(name).map(|image| image.id);
    assert_eq!(known("app:1"), None, "nobody asked yet");
    let id = store.resolve("app:1").unwrap().id;
    assert_eq!(known("app:1"), Some(id));
    assert_eq!(known("app"), None, "another question");
    tag(store, "app:1", "other:2");
    assert_eq!(known("app:1"), None, "its names are others now");
    assert_eq!(store.resolve("other:2").unwrap().id, id);
    assert_eq!(known("other:2"), Some(id));
    assert_eq!(store.resolved("other:2").unwrap().tags, store.resolve("app:1").unwrap().tags);
    store.snapshot_prepare("container", &id, &teu_image::SnapshotOptions::default()).unwrap();
    assert_eq!(known("other:2"), Some(id), "containers come and go");
    store.snapshot_remove("container").unwrap();
    store.remove("other:2", false, &[]).unwrap();
    assert_eq!(known("other:2"), None);
}

/// Whoever collects garbage at the same time, as the removal of a container does: what goes with an image is told with it.
#[test]
fn layers_are_told_with_their_image() {
    each_driver(|fixture| {
        let store = &fixture.store;
        let done = AtomicBool::new(false);
        let told = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    store.collect_garbage().unwrap();
                }
            });
            let mut told = 0;
            for turn in 0..40 {
                let own = layer(&turn.to_string());
                load(store, &Image::new("t:1").layer(own));
                let removed = store.remove("t:1", false, &[]).unwrap();
                told += removed.iter().filter(|record| matches!(record, Removed::DeletedLayer(_))).count();
            }
            done.store(true, Ordering::Relaxed);
            told
        });
        assert_eq!(told, 40);
    });
}

#[test]
fn snapshots_that_keep_layers_of_an_image() {
    each_driver(|fixture| {
        let store = &fixture.store;
        let below = load(store, &Image::new("below:1").layer(layer("a")));
        load(store, &Image::new("above:1").layer(layer("a")).layer(layer("b")));
        load(store, &Image::new("other:1").layer(layer("c")));
        store.snapshot_prepare("one", &below, &SnapshotOptions::default()).unwrap();
        assert_eq!(store.snapshots_over("below:1").unwrap(), ["one"]);
        assert_eq!(store.snapshots_over("above:1").unwrap(), ["one"]);
        assert!(store.snapshots_over("other:1").unwrap().is_empty());
        assert!(matches!(store.snapshots_over("never:1"), Err(Error::NoSuchImage(_))));
    });
}
