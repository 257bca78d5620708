//! What containers have between their image's layers and what they write.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use teu_image::{ChangeKind, CommitOptions, SnapshotOptions, Store, StoreOptions};
use teu_oci::digest::Digest;
use teu_oci::runtime::{IdMapping, IdMaps};
use teu_testkit::image::{Image, Layer};

use crate::conformance::{Fixture, Mounted, each_driver};
use crate::tree;

/// What there is of an image with nothing in it.
const ALL: [&str; 9] =
    [".dockerenv", "dev", "etc", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc", "sys"];

fn container() -> SnapshotOptions {
    SnapshotOptions { init_layer: true, ..SnapshotOptions::default() }
}

/// A folder of the driver.
fn inside(fixture: &Fixture, name: &str) -> PathBuf {
    fixture.folder.path().join("store").join(fixture.store.driver().name()).join(name)
}

fn load(fixture: &Fixture, image: &Image) -> Digest {
    fixture.store.load(&image.docker_archive()[..], &()).unwrap()[0].id
}

fn mount(fixture: &Fixture, key: &str) -> Mounted {
    Mounted::new(fixture.store.snapshot_mount(key).unwrap())
}

/// The init layers on disk, with what tells one that was made anew from the same.
fn layers(fixture: &Fixture) -> Vec<(String, u64)> {
    let entry = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().ino());
    fs::read_dir(inside(fixture, "init")).unwrap().map(|found| entry(found.unwrap())).collect()
}

fn paths(root: &Path) -> Vec<String> {
    tree::of(root).into_keys().skip(1).collect()
}

#[test]
fn made_once_and_shared() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        fixture.store.snapshot_prepare("plain", &id, &SnapshotOptions::default()).unwrap();
        assert!(layers(fixture).is_empty() && !fixture.store.snapshot_over_init("plain").unwrap());
        fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        let made = layers(fixture);
        assert_eq!(made.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [id.hex()]);
        fixture.store.snapshot_prepare("two", &id, &container()).unwrap();
        assert_eq!(layers(fixture), made);
        for key in ["one", "two"] {
            let root = mount(fixture, key);
            assert_eq!(paths(&root.path).len(), ALL.len() + 1);
            fs::write(root.path.join("etc/hosts"), key).unwrap();
            assert_eq!(fs::read_to_string(root.path.join("etc/hosts")).unwrap(), key);
        }
        assert_eq!(fs::read(inside(fixture, "init").join(id.hex()).join("etc/hosts")).unwrap(), b"");
        assert_eq!(paths(&mount(fixture, "plain").path), ["f"]);
        fixture.store.collect_garbage().unwrap();
        assert_eq!(fs::read_dir(inside(fixture, "ingest")).unwrap().count(), 0);
    });
}

/// Of an image without a layer, and whatever the umask.
#[test]
fn content_and_modes() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1"));
        let prepare = || {
            // The umask is this thread's alone.
            teu_sys::process::unshare(rustix::thread::UnshareFlags::FS).unwrap();
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
            fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        };
        std::thread::scope(|scope| scope.spawn(prepare).join()).unwrap();
        let found = tree::of(&mount(fixture, "one").path);
        let seen: BTreeMap<_, _> = found.iter().map(|(path, node)| (path.as_str(), node.mode)).skip(1).collect();
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), ALL);
        for (path, mode) in [(".dockerenv", 0o100_755), ("dev", 0o40755), ("etc", 0o40755), ("etc/hosts", 0o100_644)] {
            assert_eq!(format!("{:o}", seen[path]), format!("{mode:o}"), "{path}");
        }
        assert_eq!(found["etc/mtab"].content, "/proc/mounts");
        assert!(found.values().all(|node| node.owner == (0, 0) && node.xattrs.is_empty()), "{found:?}");
        assert_eq!(fs::read_dir(inside(fixture, "snapshots/one/fs")).unwrap().count(), 0, "nothing is written");
    });
}

#[test]
fn what_an_image_has_stays() {
    each_driver(|fixture| {
        let layer = Layer::new()
            .dir("etc", 0o751)
            .file("etc/hosts", 0o600, "own")
            .symlink("etc/resolv.conf", "../run/nowhere")
            .file("etc/mtab", 0o644, "mounts")
            .symlink("dev", "/nowhere")
            .file("proc", 0o640, "a file");
        let tar = layer.finish();
        let id = load(fixture, &Image::new("t:1").layer(tar));
        for (key, options) in [("plain", SnapshotOptions::default()), ("one", container())] {
            fixture.store.snapshot_prepare(key, &id, &options).unwrap();
        }
        let without = tree::of(&mount(fixture, "plain").path);
        let mut with = tree::of(&mount(fixture, "one").path);
        let added: Vec<_> = with.keys().filter(|path| !without.contains_key(*path)).cloned().collect();
        assert_eq!(added, [".dockerenv", "etc/hostname", "sys"]);
        // The times of folders, too. The root is the container's own.
        added.iter().for_each(|path| drop(with.remove(path)));
        with.insert(String::new(), without[""].clone());
        tree::assert_same(&without, &with);
    });
}

#[test]
fn links_and_other_things_in_place_of_etc() {
    let linked = Layer::new().dir("usr", 0o755).dir("usr/etc", 0o755).symlink("etc", "/usr/etc");
    let cases = [
        (linked, vec!["usr/etc/hosts", "usr/etc/mtab"]),
        (Layer::new().symlink("etc", "../../nowhere"), vec![]),
        (Layer::new().symlink("etc", "etc"), vec![]),
        (Layer::new().file("etc", 0o644, "x"), vec![]),
        (Layer::new().symlink("etc", "/proc/1/root"), vec![]),
    ];
    for (layer, expected) in cases {
        let tar = layer.finish();
        each_driver(|fixture| {
            let id = load(fixture, &Image::new("t:1").layer(tar.clone()));
            fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
            let paths = paths(&mount(fixture, "one").path);
            let found: Vec<_> =
                paths.iter().filter(|path| path.ends_with("/hosts") || path.ends_with("/mtab")).collect();
            assert_eq!(found, expected);
            assert!(paths.iter().any(|path| path == ".dockerenv"));
        });
    }
}

#[test]
fn goes_with_the_image_and_its_last_snapshot() {
    each_driver(|fixture| {
        let store = &fixture.store;
        let image = Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish());
        for image_first in [true, false] {
            let id = load(fixture, &image);
            for key in ["one", "two"] {
                store.snapshot_prepare(key, &id, &container()).unwrap();
            }
            let rest = |store: &Store| store.remove(&id.to_string(), true, &[]).map(drop).unwrap();
            if image_first {
                rest(store);
            }
            store.snapshot_remove("one").unwrap();
            assert_eq!(layers(fixture).len(), 1);
            assert!(mount(fixture, "two").path.join(".dockerenv").exists());
            store.snapshot_remove("two").unwrap();
            assert_eq!(layers(fixture).len(), usize::from(!image_first));
            if !image_first {
                rest(store);
            }
            assert!(layers(fixture).is_empty());
            store.collect_garbage().unwrap();
            assert_eq!((store.disk_usage().unwrap(), fs::read_dir(inside(fixture, "ingest")).unwrap().count()), (0, 0));
        }
    });
}

#[test]
fn reopened() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        let made = layers(fixture);
        // Of an image that is gone.
        fs::create_dir(inside(fixture, "init").join("0".repeat(64))).unwrap();
        let store = Store::open(&fixture.folder.path().join("store"), StoreOptions::default()).unwrap();
        assert_eq!(layers(fixture), made);
        store.snapshot_prepare("two", &id, &container()).unwrap();
        assert_eq!(layers(fixture), made);
        for key in ["one", "two"] {
            let root = Mounted::new(store.snapshot_mount(key).unwrap());
            assert!(store.snapshot_over_init(key).unwrap() && root.path.join("etc/mtab").is_symlink());
        }
    });
}

/// Snapshots of earlier versions, with the rows and files that those leave.
#[test]
fn older_snapshots_go_without() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        fixture.store.snapshot_prepare("new", &id, &container()).unwrap();
        for name in ["fs", "work"] {
            fs::create_dir_all(inside(fixture, "snapshots/old").join(name)).unwrap();
        }
        for _ in 0..2 {
            assert!(fixture.store.snapshot_restore("old", &id, None).unwrap());
            assert!(!fixture.store.snapshot_over_init("old").unwrap());
            assert_eq!(paths(&mount(fixture, "old").path), ["f"]);
        }
    });
}

/// As after the loss of the database's last entries, and of what was made last on disk.
#[test]
fn lost_and_made_again() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        fs::create_dir_all(inside(fixture, "snapshots/lost/fs/etc")).unwrap();
        fs::write(inside(fixture, "snapshots/lost/fs/etc/hosts"), "written").unwrap();
        fs::create_dir(inside(fixture, "snapshots/lost/work.init")).unwrap();
        assert!(fixture.store.snapshot_restore("lost", &id, None).unwrap());
        assert!(!inside(fixture, "snapshots/lost/work").exists() && layers(fixture).is_empty());
        for turn in 0..3 {
            let root = mount(fixture, "lost");
            assert_eq!(paths(&root.path).len(), ALL.len() + 1, "{turn}");
            assert_eq!(fs::read_to_string(root.path.join("etc/hosts")).unwrap(), "written");
            assert_eq!(layers(fixture).len(), 1);
            drop(root);
            fs::remove_dir_all(inside(fixture, "init").join(id.hex())).unwrap();
        }
        fixture.store.snapshot_remove("lost").unwrap();
        fixture.store.remove("t:1", true, &[]).unwrap();
    });
}

#[test]
fn a_container_without_rather_than_none() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        // So that there are folders of a next one, which are made for one with an init layer.
        fixture.store.snapshot_prepare("before", &id, &SnapshotOptions::default()).unwrap();
        fixture.store.snapshot_remove("before").unwrap();
        fixture.store.collect_garbage().unwrap();
        let folder = inside(fixture, "init");
        fs::remove_dir(&folder).unwrap();
        fs::write(&folder, "no folder").unwrap();
        for key in ["one", "two"] {
            fixture.store.snapshot_prepare(key, &id, &container()).unwrap();
        }
        fs::remove_file(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        fixture.store.snapshot_prepare("three", &id, &container()).unwrap();
        for (key, is_over) in [("one", false), ("two", false), ("three", true)] {
            assert_eq!(fixture.store.snapshot_over_init(key).unwrap(), is_over, "{key}");
            assert_eq!(mount(fixture, key).path.join(".dockerenv").exists(), is_over, "{key}");
        }
        fixture.store.collect_garbage().unwrap();
        assert_eq!(fs::read_dir(inside(fixture, "ingest")).unwrap().count(), 0);
    });
}

fn changes(fixture: &Fixture, key: &str) -> Vec<(String, ChangeKind)> {
    let changes = fixture.store.snapshot_changes(key).unwrap().into_iter();
    changes.map(|change| (change.path.to_string_lossy().into_owned(), change.kind)).collect()
}

/// The names in the layer that a commit adds.
fn committed(fixture: &Fixture, key: &str, base: &Digest) -> Vec<String> {
    let id = fixture.store.snapshot_commit(key, base, CommitOptions::default()).unwrap();
    let diff_ids = fixture.store.resolve(&id.to_string()).unwrap().config.rootfs.diff_ids.clone();
    let mut tar = tar::Archive::new(fixture.store.layer_tar(diff_ids.last().unwrap()).unwrap());
    tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn no_change_and_in_no_commit() {
    each_driver(|fixture| {
        let layer = Layer::new().dir("etc", 0o755).file("etc/passwd", 0o644, "x").file("f", 0o644, "f");
        let id = load(fixture, &Image::new("t:1").layer(layer.finish()));
        fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        drop(mount(fixture, "one"));
        assert_eq!(changes(fixture, "one"), []);
        assert_eq!(committed(fixture, "one", &id), ["./"]);
        let root = mount(fixture, "one");
        fs::remove_file(root.path.join(".dockerenv")).unwrap();
        fs::remove_file(root.path.join("etc/mtab")).unwrap();
        drop(root);
        let gone =
            [(".dockerenv", ChangeKind::Deleted), ("etc", ChangeKind::Modified), ("etc/mtab", ChangeKind::Deleted)];
        let gone: Vec<_> = gone.into_iter().map(|(path, kind)| (path.to_owned(), kind)).collect();
        assert_eq!(changes(fixture, "one"), gone);
        // Nothing to take away from the image, which has neither.
        assert_eq!(committed(fixture, "one", &id), ["./"]);
        let root = mount(fixture, "one");
        fs::remove_file(root.path.join("f")).unwrap();
        fs::write(root.path.join("etc/new"), "x").unwrap();
        drop(root);
        assert_eq!(committed(fixture, "one", &id), ["./", "etc/", "etc/new", ".wh.f"]);
        assert_eq!(fixture.store.snapshot_usage("one").unwrap().bytes, 1);
    });
}

/// An image without `/etc`: what a container writes there needs the folder in a commit, and nothing else of the init layer.
#[test]
fn committed_below_a_folder_of_the_init_layer() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        let root = mount(fixture, "one");
        fs::write(root.path.join("etc/new"), "x").unwrap();
        drop(root);
        let expected = [("etc", ChangeKind::Modified), ("etc/new", ChangeKind::Added)];
        assert_eq!(changes(fixture, "one"), expected.map(|(path, kind)| (path.to_owned(), kind)));
        assert_eq!(committed(fixture, "one", &id), ["./", "etc/", "etc/new"]);
        let mut exported = Vec::new();
        fixture.store.snapshot_export("one", &mut exported).unwrap();
        assert_eq!(tar::Archive::new(&exported[..]).entries().unwrap().count(), ALL.len() + 2);
    });
}

#[test]
fn belongs_to_the_root_of_a_user_namespace() {
    each_driver(|fixture| {
        let range = |host_id| vec![IdMapping { container_id: 0, host_id, size: 65536 }];
        let ids = |uid, gid| IdMaps { uids: range(uid), gids: range(gid) };
        if let Err(error) = fixture.store.probe_ids(&ids(100_000, 200_000)) {
            eprintln!("skipped: {error}");
            return;
        }
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().dir("etc", 0o755).finish()));
        for (key, first) in [("one", 100_000), ("two", 300_000)] {
            let options = SnapshotOptions { ids: Some(ids(first, first + 1)), ..container() };
            fixture.store.snapshot_prepare(key, &id, &options).unwrap();
            assert!(fixture.store.snapshot_restore(key, &id, options.ids.as_ref()).unwrap());
            let found = tree::of(&mount(fixture, key).path);
            assert!(found.len() == ALL.len() + 1 && found.values().all(|node| node.owner == (first, first + 1)));
            assert_eq!(fs::read_dir(inside(fixture, "snapshots").join(key).join("fs")).unwrap().count(), 0);
        }
        assert_eq!(layers(fixture).len(), 1);
        // Each way it was attached is let go.
        fixture.store.remove("t:1", true, &[]).unwrap();
        ["one", "two"].iter().for_each(|key| fixture.store.snapshot_remove(key).unwrap());
        assert!(layers(fixture).is_empty());
    });
}

/// Overlayfs takes 500 folders: what an image and a view of what was written need comes first.
#[test]
fn images_with_the_most_layers_go_without() {
    each_driver(|fixture| {
        for (count, is_over) in [(498_u32, true), (499, false)] {
            let layer = |number: u32| Layer::new().file(&format!("f{number}"), 0o644, "").finish();
            let image = (0..count).fold(Image::new("t:1"), |image, number| image.layer(layer(number)));
            let id = load(fixture, &image);
            let key = count.to_string();
            fixture.store.snapshot_prepare(&key, &id, &container()).unwrap();
            assert_eq!(fixture.store.snapshot_over_init(&key).unwrap(), is_over);
            assert_eq!(mount(fixture, &key).path.join(".dockerenv").exists(), is_over);
            drop(fixture.store.snapshot_view(&key).unwrap());
        }
    });
}

#[test]
fn made_by_many_at_once() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        std::thread::scope(|scope| {
            for worker in 0..8 {
                scope.spawn(move || {
                    let key = worker.to_string();
                    fixture.store.snapshot_prepare(&key, &id, &container()).unwrap();
                    assert!(fixture.store.snapshot_over_init(&key).unwrap());
                    assert_eq!(paths(&mount(fixture, &key).path).len(), ALL.len() + 1);
                });
            }
        });
        assert_eq!(layers(fixture).len(), 1);
        fixture.store.collect_garbage().unwrap();
        assert_eq!(fs::read_dir(inside(fixture, "ingest")).unwrap().count(), 0);
    });
}

/// It costs no space that is counted.
#[test]
fn in_no_sum() {
    each_driver(|fixture| {
        let id = load(fixture, &Image::new("t:1").layer(Layer::new().file("f", 0o644, "f").finish()));
        let without = fixture.store.disk_usage().unwrap();
        fixture.store.snapshot_prepare("one", &id, &container()).unwrap();
        assert_eq!((layers(fixture).len(), fixture.store.disk_usage().unwrap()), (1, without));
        let usage = fixture.store.snapshot_usage("one").unwrap();
        assert_eq!((usage.bytes, usage.inodes), (0, 0));
    });
}
