//! What every driver must do, run by each of them.

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use teu_image::{DriverKind, Store, StoreOptions};
use teu_testkit::host::privileged;
use teu_testkit::image::{Image, Layer, header};

use crate::tree;

/// A store in a folder of its own.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new(driver: DriverKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { driver: Some(driver), ..StoreOptions::default() };
        Self { store: Store::open(&folder.path().join("store"), options).unwrap(), folder }
    }

    /// Loads an image and mounts a snapshot of it; the path leads into the detached mount.
    pub(crate) fn mount(&self, key: &str, image: &Image) -> Mounted {
        let loaded = self.store.load(&image.docker_archive()[..], &()).unwrap();
        self.store.snapshot_prepare(key, &loaded[0].id).unwrap();
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

#[test]
fn tree_is_what_tar_makes_of_it() {
    if !privileged() {
        return;
    }
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        let tar = everything();
        let plain = fixture.folder.path().join("plain");
        unpack(&tar, &plain);
        let mounted = fixture.mount("c1", &Image::new("t:1").layer(tar));
        let mut expected = tree::of(&plain);
        let mut found = tree::of(&mounted.path);
        // Folders without entries of their own get the time of unpacking from tar.
        let implied = |path: &str| path.is_empty() || path.starts_with("deep") && !path.ends_with('n');
        for nodes in [&mut expected, &mut found] {
            nodes.iter_mut().filter(|(path, _)| implied(path)).for_each(|(_, node)| node.mtime = (0, 0));
        }
        tree::assert_same(&expected, &found);
    }
}

/// Those that this machine has.
pub(crate) const DRIVERS: [DriverKind; 2] = [DriverKind::Erofs, DriverKind::Overlay];
