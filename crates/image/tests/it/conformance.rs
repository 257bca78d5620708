//! What every driver must do, run by each of them.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use teu_image::{DriverKind, SnapshotOptions, Store, StoreOptions};
use teu_testkit::host::privileged;
use teu_testkit::image::{Image, Layer, header};

use crate::tree;

/// A folder on a disk: what is in memory (tmpfs, often `/tmp`) cannot hold EROFS images.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/var/tmp").unwrap()
}

/// A store in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new(driver: DriverKind) -> Self {
        let folder = folder();
        let options = StoreOptions { driver: Some(driver), ..StoreOptions::default() };
        Self { store: Store::open(&folder.path().join("store"), options).unwrap(), folder }
    }

    /// Loads an image and mounts a snapshot of it; the path leads into the detached mount.
    pub(crate) fn mount(&self, key: &str, image: &Image) -> Mounted {
        let loaded = self.store.load(&image.docker_archive()[..], &()).unwrap();
        self.store.snapshot_prepare(key, &loaded[0].id, &SnapshotOptions::default()).unwrap();
        Mounted::new(self.store.snapshot_mount(key).unwrap())
    }
}

/// A detached mount and a path into it.
pub(crate) struct Mounted {
    pub(crate) path: PathBuf,
    _mount: std::os::fd::OwnedFd,
}

impl Mounted {
    pub(crate) fn new(mount: std::os::fd::OwnedFd) -> Self {
        Self { path: format!("/proc/self/fd/{}/.", mount.as_raw_fd()).into(), _mount: mount }
    }
}

/// Unpacks with GNU tar, as the standard to compare with.
pub(crate) fn unpack(tar: &[u8], target: &Path) {
    fs::create_dir_all(target).unwrap();
    fs::set_permissions(target, fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = Command::new("tar")
        .args([
            "-x",
            "--delay-directory-restore",
            "--numeric-owner",
            "--same-owner",
            "-p",
            "--xattrs",
            "--xattrs-include=*",
            "-C",
        ])
        .arg(target)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(tar).unwrap();
    assert!(child.wait().unwrap().success());
}

fn everything() -> Vec<u8> {
    let mut big_owner = header(tar::EntryType::Regular, 0o640);
    big_owner.set_uid(4_000_000_000);
    big_owner.set_gid(3_000_000_000);
    let mut null = header(tar::EntryType::Char, 0o666);
    null.set_device_major(1).unwrap();
    null.set_device_minor(3).unwrap();
    let mut disk = header(tar::EntryType::Block, 0o660);
    disk.set_device_major(259).unwrap();
    disk.set_device_minor(70_000).unwrap();
    let mut layer = Layer::new()
        .dir("./", 0o755)
        .dir("a", 0o1777)
        .file("a/empty", 0o600, b"")
        .file("a/short", 0o4755, b"short")
        .file("a/block", 0o644, vec![1; 512])
        .file("a/page", 0o644, vec![2; 4096])
        .file("a/odd", 0o444, (0..100_001_u32).map(|i| (i % 251) as u8).collect::<Vec<_>>())
        .hard_link("a/again", "a/short")
        .hard_link("another", "a/short")
        .symlink("link", "a/short")
        .symlink("a/dangling", "/nowhere")
        .symlink("a/long-target", &"x/".repeat(700))
        .entry(&mut big_owner, "owned", b"x")
        .entry(&mut null, "null", b"")
        .entry(&mut disk, "disk", b"")
        .entry(&mut header(tar::EntryType::Fifo, 0o622), "pipe", b"")
        .file(&format!("{}/{}", "deep/".repeat(30), "n".repeat(200)), 0o644, b"deep")
        .dir("many", 0o755);
    for i in 0..500 {
        layer = layer.file(&format!("many/{i}-{}", "y".repeat(i % 60)), 0o644, format!("{i}"));
    }
    layer.finish()
}

/// Runs a test for each driver that this machine has.
pub(crate) fn each_driver(test: impl Fn(&Fixture)) {
    if privileged() {
        DRIVERS.into_iter().for_each(|driver| test(&Fixture::new(driver)));
    }
}

/// Compares a mounted image of one layer with what GNU tar makes of it; `implied` are folders without an entry, which get the time of
/// unpacking from tar.
fn assert_as_tar(fixture: &Fixture, tar: Vec<u8>, implied: impl Fn(&str) -> bool) {
    let plain = fixture.folder.path().join("plain");
    unpack(&tar, &plain);
    let mounted = fixture.mount("c1", &Image::new("t:1").layer(tar));
    let mut expected = tree::of(&plain);
    let mut found = tree::of(&mounted.path);
    for nodes in [&mut expected, &mut found] {
        nodes.iter_mut().filter(|(path, _)| path.is_empty() || implied(path)).for_each(|(_, node)| node.mtime = (0, 0));
    }
    tree::assert_same(&expected, &found);
}

#[test]
fn tree_is_what_tar_makes_of_it() {
    each_driver(|fixture| {
        assert_as_tar(fixture, everything(), |path| path.starts_with("deep") && !path.ends_with('n'));
    });
}

/// What GNU tar itself writes in PAX format: attributes, times to the nanosecond, sparse files.
#[test]
fn archives_of_gnu_tar() {
    each_driver(|fixture| {
        let source = fixture.folder.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("capable"), "x").unwrap();
        let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let set = |path: &Path, name: &str, value: &[u8]| {
            rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
        };
        set(&source.join("capable"), "security.capability", &capability);
        set(&source.join("capable"), "user.note", &[0; 300]);
        fs::create_dir(source.join("sub")).unwrap();
        set(&source.join("sub"), "user.dir", b"value");
        let acl = [
            2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 7, 0, 1, 0, 0, 0, 4, 0, 4, 0, 255, 255, 255, 255, 16, 0,
            7, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
        ];
        set(&source.join("capable"), "system.posix_acl_access", &acl);
        let sparse = |name: &str, pieces: &[(u64, usize)], size: u64| {
            let file = fs::File::create(source.join(name)).unwrap();
            for (offset, len) in pieces {
                std::os::unix::fs::FileExt::write_all_at(&file, &vec![b's'; *len], *offset).unwrap();
            }
            file.set_len(size).unwrap();
        };
        sparse("hole", &[], 1 << 20);
        sparse("ends", &[(0, 10), (1 << 20, 10)], (1 << 20) + 10);
        sparse("middle", &[(8192, 4096), (100_000, 7), (300_000, 70_000)], 1 << 20);
        for format in ["--format=pax", "--format=gnu"] {
            for version in ["0.0", "0.1", "1.0"] {
                let mut tar = Command::new("tar");
                tar.args(["-c", "--sparse", "--numeric-owner", format, "-C"]).arg(&source);
                if format == "--format=pax" {
                    tar.args(["--xattrs", "--xattrs-include=*", &format!("--sparse-version={version}")]);
                }
                let output = tar.arg(".").output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                let fresh = Fixture::new(fixture.store.driver());
                assert_as_tar(&fresh, output.stdout, |_| false);
            }
        }
    });
}

fn listing(root: &Path) -> Vec<String> {
    tree::of(root).into_iter().map(|(path, node)| format!("{path}={}", node.content)).skip(1).collect()
}

#[test]
fn layers_hide_what_is_below() {
    let below = || {
        Layer::new()
            .dir("d", 0o755)
            .file("d/a", 0o644, "1")
            .file("d/b", 0o644, "1")
            .dir("o", 0o700)
            .file("o/x", 0o644, "1")
            .file("f", 0o644, "1")
            .dir("r", 0o755)
            .file("r/x", 0o644, "1")
            .file("d/sub/deep", 0o644, "1")
            .finish()
    };
    let above = || {
        Layer::new()
            .whiteout("d/a")
            .opaque("o")
            .file("o/y", 0o600, "2")
            .file("f", 0o600, "2")
            .whiteout("r")
            .file("r/new", 0o644, "2")
            .whiteout("d/sub")
            .finish()
    };
    each_driver(|fixture| {
        let mounted = fixture.mount("c1", &Image::new("t:1").layer(below()).layer(above()));
        let names: Vec<_> = tree::of(&mounted.path).into_keys().filter(|path| !path.is_empty()).collect();
        assert_eq!(names, ["d", "d/b", "f", "o", "o/y", "r", "r/new"]);
        assert_eq!(fs::read_to_string(mounted.path.join("f")).unwrap(), "2");
        let third = Layer::new().opaque("").file("only", 0o644, "3").finish();
        let image = Image::new("t:2").layer(below()).layer(above()).layer(third);
        let mounted = fixture.mount("c2", &image);
        assert_eq!(tree::of(&mounted.path).into_keys().skip(1).collect::<Vec<_>>(), ["only"]);
        assert_eq!(listing(&mounted.path).len(), 1);
    });
}

#[test]
fn snapshots_are_written_apart() {
    each_driver(|fixture| {
        let image = Image::new("t:1").layer(Layer::new().dir("d", 0o755).file("d/f", 0o644, "image").finish());
        let id = fixture.store.load(&image.docker_archive()[..], &()).unwrap()[0].id;
        for key in ["one", "two"] {
            fixture.store.snapshot_prepare(key, &id, &SnapshotOptions::default()).unwrap();
        }
        assert_eq!(fixture.store.snapshots().unwrap(), ["one", "two"]);
        {
            let one = Mounted::new(fixture.store.snapshot_mount("one").unwrap());
            let two = Mounted::new(fixture.store.snapshot_mount("two").unwrap());
            fs::write(one.path.join("d/f"), "changed").unwrap();
            fs::write(one.path.join("new"), vec![1; 100_000]).unwrap();
            fs::remove_dir_all(two.path.join("d")).unwrap();
            assert_eq!(fs::read_to_string(one.path.join("d/f")).unwrap(), "changed");
            assert!(!two.path.join("new").exists());
            let mode = fs::metadata(&one.path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o755);
        }
        let usage = fixture.store.snapshot_usage("one").unwrap();
        assert!(usage.bytes >= 100_000 && usage.inodes == 3, "{usage:?}");
        let sums =
            |kept: &[&str]| fixture.store.usage(&kept.iter().map(|&key| key.to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(sums(&["two", "gone"]).reclaimable, 0);
        assert_eq!(sums(&["gone"]).reclaimable, fixture.store.disk_usage().unwrap(), "both snapshots are about to go");
        // It outlives its image and its being unmounted.
        fixture.store.remove(&id.to_string(), true, &[]).unwrap();
        let one = Mounted::new(fixture.store.snapshot_mount("one").unwrap());
        assert_eq!(fs::read_to_string(one.path.join("d/f")).unwrap(), "changed");
        drop(one);
        assert!(fixture.store.disk_usage().unwrap() > 0);
        for key in ["one", "two", "never"] {
            fixture.store.snapshot_remove(key).unwrap();
        }
        assert_eq!(fixture.store.disk_usage().unwrap(), 0, "the layer went with the last snapshot");
        assert!(fixture.store.snapshots().unwrap().is_empty());
    });
}

/// When a snapshot goes, the folders of the next one are made; it is no different for that.
#[test]
fn a_snapshot_after_another() {
    use std::os::unix::fs::MetadataExt;
    each_driver(|fixture| {
        let inside = fixture.folder.path().join("store").join(fixture.store.driver().name());
        let image = Image::new("t:1").layer(Layer::new().file("f", 0o644, "image").finish());
        let id = fixture.store.load(&image.docker_archive()[..], &()).unwrap()[0].id;
        let prepare = |key| fixture.store.snapshot_prepare(key, &id, &SnapshotOptions::default());
        let of = |path: PathBuf| fs::metadata(path).map(|found| (found.mode() & 0o7777, found.uid(), found.gid()));
        prepare("first").unwrap();
        let first = ["", "fs", "work"].map(|name| of(inside.join("snapshots/first").join(name)).unwrap());
        fixture.store.snapshot_remove("first").unwrap();
        fixture.store.collect_garbage().unwrap();
        let waiting: Vec<u64> =
            fs::read_dir(inside.join("spare")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().ino()).collect();
        prepare("second").unwrap();
        assert_eq!(fs::read_dir(inside.join("spare")).unwrap().count(), 0);
        assert_eq!(waiting, [fs::metadata(inside.join("snapshots/second")).unwrap().ino()]);
        assert_eq!(first, ["", "fs", "work"].map(|name| of(inside.join("snapshots/second").join(name)).unwrap()));
        assert!(prepare("second").is_err(), "it exists");
        let mounted = Mounted::new(fixture.store.snapshot_mount("second").unwrap());
        assert_eq!(fs::read_dir(&mounted.path).unwrap().count(), 1);
    });
}

#[test]
fn as_many_layers_as_overlayfs_takes() {
    each_driver(|fixture| {
        let mut image = Image::new("t:1");
        for i in 0..200 {
            image = image.layer(
                Layer::new().file(&format!("f{i}"), 0o644, i.to_string()).file("last", 0o644, i.to_string()).finish(),
            );
        }
        let mounted = fixture.mount("c1", &image);
        assert_eq!(fs::read_dir(&mounted.path).unwrap().count(), 201);
        assert_eq!(fs::read_to_string(mounted.path.join("last")).unwrap(), "199");
        assert_eq!(fs::read_to_string(mounted.path.join("f0")).unwrap(), "0");
    });
}

#[test]
fn image_without_layers() {
    each_driver(|fixture| {
        let mounted = fixture.mount("c1", &Image::new("t:1"));
        fs::write(mounted.path.join("x"), "x").unwrap();
        assert_eq!(fs::read_dir(&mounted.path).unwrap().count(), 1);
    });
}

#[test]
fn programs_run_from_layers() {
    each_driver(|fixture| {
        let Some(busybox) = teu_testkit::image::busybox_path() else { return };
        let layer = teu_testkit::image::busybox_layer(&busybox).unwrap();
        let mounted = fixture.mount("c1", &Image::new("t:1").layer(layer));
        let output = Command::new(mounted.path.join("bin/echo")).arg("from a layer").output().unwrap();
        assert_eq!(output.stdout, b"from a layer\n");
    });
}

/// Opening again finds everything, and takes away what does not belong.
#[test]
fn reopened_after_anything() {
    each_driver(|fixture| {
        let folder = fixture.folder.path().join("store");
        let driver = fixture.store.driver();
        let image = Image::new("t:1").layer(Layer::new().file("f", 0o644, "1").finish());
        let id = fixture.store.load(&image.docker_archive()[..], &()).unwrap()[0].id;
        fixture.store.snapshot_prepare("kept", &id, &SnapshotOptions::default()).unwrap();
        let inside = folder.join(driver.name());
        fs::write(inside.join("ingest/left"), "x").unwrap();
        fs::create_dir_all(inside.join("ingest/folder/sub")).unwrap();
        fs::create_dir_all(inside.join("spare/next/fs")).unwrap();
        fs::create_dir_all(inside.join("snapshots/unknown/fs")).unwrap();
        fs::write(inside.join("layers").join("0".repeat(64)), "x").unwrap();
        let reopened = Store::open(&folder, StoreOptions::default()).unwrap();
        assert_eq!(reopened.driver(), driver, "the images' driver is chosen");
        assert_eq!(reopened.resolve("t:1").unwrap().id, id);
        // Whose it is only the engine knows.
        assert_eq!(reopened.snapshots().unwrap(), ["kept", "unknown"]);
        reopened.snapshot_remove("unknown").unwrap();
        assert_eq!(reopened.snapshots().unwrap(), ["kept"]);
        reopened.collect_garbage().unwrap();
        for (name, count) in [("ingest", 0), ("spare", 0), ("snapshots", 1), ("layers", 1)] {
            assert_eq!(fs::read_dir(inside.join(name)).unwrap().count(), count, "{name}");
        }
        // A layer lost under the store takes its image along, and says so instead of failing at every start.
        let layer = fs::read_dir(inside.join("layers")).unwrap().next().unwrap().unwrap().path();
        if layer.is_dir() {
            fs::remove_dir_all(&layer).unwrap()
        } else {
            fs::remove_file(&layer).unwrap()
        }
        let reopened = Store::open(&folder, StoreOptions::default()).unwrap();
        assert!(reopened.resolve("t:1").is_err() && reopened.snapshot_mount("kept").is_err());
        // What a container wrote stays until somebody removes the container.
        assert!(inside.join("snapshots/kept/fs").is_dir());
        reopened.snapshot_remove("kept").unwrap();
        assert!(reopened.snapshots().unwrap().is_empty());
    });
}

/// As after a power cut that took the last entries of the database, or the folders that were just made.
#[test]
fn snapshots_that_the_database_has_lost_are_restored() {
    each_driver(|fixture| {
        let image = Image::new("t:1").layer(Layer::new().file("f", 0o644, "1").finish());
        let id = fixture.store.load(&image.docker_archive()[..], &()).unwrap()[0].id;
        let inside = fixture.folder.path().join("store").join(fixture.store.driver().name());
        let upper = inside.join("snapshots/lost/fs");
        fs::create_dir_all(&upper).unwrap();
        fs::write(upper.join("written"), "x").unwrap();
        assert!(fixture.store.snapshot_mount("lost").is_err());
        assert!(fixture.store.snapshot_restore("lost", &id, None).unwrap());
        assert!(fixture.store.snapshot_restore("lost", &id, None).unwrap(), "again");
        let mounted = Mounted::new(fixture.store.snapshot_mount("lost").unwrap());
        assert!(mounted.path.join("f").exists() && mounted.path.join("written").exists());
        drop(mounted);
        assert!(!fixture.store.snapshot_restore("never", &id, None).unwrap());
        assert_eq!(fixture.store.snapshot_elsewhere("lost"), None);
        let other = ["overlay", "erofs"].into_iter().find(|name| *name != fixture.store.driver().name()).unwrap();
        fs::create_dir_all(fixture.folder.path().join("store").join(other).join("snapshots/abroad")).unwrap();
        assert_eq!(fixture.store.snapshot_elsewhere("abroad").map(|kind| kind.name()), Some(other));
    });
}

/// Loads, removals and snapshots at the same time: nothing is collected that someone needs, and in the end nothing is left.
#[test]
fn many_at_once() {
    each_driver(|fixture| {
        let store = &fixture.store;
        let shared = Layer::new().file("shared", 0o644, vec![1; 50_000]).finish();
        std::thread::scope(|scope| {
            for worker in 0..6 {
                let shared = shared.clone();
                scope.spawn(move || {
                    for turn in 0..10 {
                        let own = Layer::new().file("own", 0o644, format!("{worker} {turn}")).finish();
                        let image = Image::new(&format!("w{worker}:{turn}")).layer(shared.clone()).layer(own);
                        let id = store.load(&image.docker_archive()[..], &()).unwrap()[0].id;
                        let key = format!("{worker}-{turn}");
                        let options = SnapshotOptions { init_layer: turn % 2 == 0, ..SnapshotOptions::default() };
                        store.snapshot_prepare(&key, &id, &options).unwrap();
                        let mounted = Mounted::new(store.snapshot_mount(&key).unwrap());
                        store.remove(&id.to_string(), true, &[]).unwrap();
                        assert_eq!(fs::metadata(mounted.path.join("shared")).unwrap().len(), 50_000);
                        assert_eq!(fs::read_to_string(mounted.path.join("own")).unwrap(), format!("{worker} {turn}"));
                        drop(mounted);
                        store.snapshot_remove(&key).unwrap();
                    }
                });
            }
        });
        store.collect_garbage().unwrap();
        assert_eq!(store.disk_usage().unwrap(), 0);
        let inside = fixture.folder.path().join("store").join(store.driver().name());
        for name in ["ingest", "init", "layers", "snapshots"] {
            assert_eq!(fs::read_dir(inside.join(name)).unwrap().count(), 0, "{name}");
        }
    });
}

/// erofs-utils find no fault with our images, where they are installed.
#[test]
fn fsck_agrees() {
    if !privileged() {
        return;
    }
    if Command::new("fsck.erofs").arg("--version").output().is_err() {
        eprintln!("skipped: needs fsck.erofs (erofs-utils)");
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    fixture.store.load(&Image::new("t:1").layer(everything()).docker_archive()[..], &()).unwrap();
    let layers = fixture.folder.path().join("store/erofs/layers");
    for layer in fs::read_dir(layers).unwrap() {
        let output = Command::new("fsck.erofs").arg(layer.unwrap().path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Layers of the caller's own, `TEU_TEST_LAYERS=a.tar:b.tar`: whole distributions, compared with what GNU tar makes of them.
#[test]
fn layers_of_the_callers_own() {
    let Some(paths) = std::env::var_os("TEU_TEST_LAYERS") else { return };
    for path in std::env::split_paths(&paths) {
        let tar = fs::read(&path).unwrap();
        each_driver(|fixture| assert_as_tar(fixture, tar.clone(), |_| false));
    }
}

/// The machine's mount table never shows anything of ours.
#[test]
fn mounts_are_nowhere() {
    each_driver(|fixture| {
        let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounted = fixture.mount("c1", &Image::new("t:1").layer(Layer::new().file("f", 0o644, "1").finish()));
        let folder = fixture.folder.path().display().to_string();
        let during = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!during.contains(&folder) && !before.contains(&folder));
        drop(mounted);
    });
}

/// Those that this machine has.
pub(crate) const DRIVERS: [DriverKind; 2] = [DriverKind::Erofs, DriverKind::Overlay];
