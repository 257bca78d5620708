//! Layers that are broken or mean harm: a clear error or confined, and the store stays clean.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use teu_image::{DriverKind, Error, ErrorKind, Expectation, LayerError, Limits, Store, StoreOptions};
use teu_oci::digest::Digest;
use teu_testkit::host::privileged;
use teu_testkit::image::{Image, Layer, gzip, header};

use crate::conformance::{DRIVERS, Fixture, folder};
use crate::tree;

fn ingest(store: &Store, blob: &[u8], expectation: Expectation) -> teu_image::Result<Digest> {
    let mut writer = store.layer_writer(expectation)?;
    for piece in blob.chunks(1000) {
        writer.write(Bytes::copy_from_slice(piece))?;
    }
    writer.finish().map(|held| held.info.diff_id)
}

/// Nothing is left: no file on its way, no layer.
fn assert_clean(fixture: &Fixture, what: &str) {
    fixture.store.collect_garbage().unwrap();
    let inside = fixture.folder.path().join("store").join(fixture.store.driver().name());
    for name in ["ingest", "layers"] {
        assert_eq!(fs::read_dir(inside.join(name)).unwrap().count(), 0, "{what}: {name}");
    }
}

/// A tar with an entry whose name is written as is, whatever the tar crate thinks of it.
fn raw(kind: tar::EntryType, path: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = header(kind, 0o644);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.name[..path.len()].copy_from_slice(path.as_bytes());
    gnu.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut out = [header.as_bytes(), content].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 1024]].concat()
}

#[test]
fn refused_layers_leave_nothing() {
    if !privileged() {
        return;
    }
    let good = Layer::new().file("f", 0o644, vec![7; 100_000]).finish();
    let zipped = gzip(&good);
    let other = Digest::of(b"other");
    let flip = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        bytes
    };
    let file = |path: &str| join(&[raw(tar::EntryType::Regular, path, "", b"evil")]);
    let link = |kind, link: &str| join(&[raw(kind, "l", link, b"")]);
    let through = |target: &str| {
        join(&[raw(tar::EntryType::Symlink, "l", target, b""), raw(tar::EntryType::Regular, "l/f", "", b"evil")])
    };
    let none = Expectation::default;
    let table: Vec<(&str, Vec<u8>, Expectation, &str)> = vec![
        ("wrong blob digest", zipped.clone(), Expectation { blob: Some(other), ..none() }, "blob digest is"),
        ("wrong diff id", zipped.clone(), Expectation { diff_id: Some(other), ..none() }, "diff id is"),
        ("too long", zipped.clone(), Expectation { blob_size: Some(10), ..none() }, "expected 10"),
        ("too short", zipped.clone(), Expectation { blob_size: Some(1 << 30), ..none() }, "expected 1073741824"),
        ("truncated gzip", zipped[..zipped.len() - 9].to_vec(), none(), "cannot decompress"),
        ("corrupt gzip", flip(&zipped), none(), ""),
        ("truncated tar", good[..50_000].to_vec(), none(), "unexpected end of the archive"),
        ("no tar", vec![b'x'; 10_000], none(), "malformed tar at byte 0"),
        ("parent", file("../f"), none(), "leads out of the root"),
        ("deep parent", file("a/../../f"), none(), "leads out of the root"),
        ("hard link out", link(tar::EntryType::Link, "../../etc/passwd"), none(), "leads out of the root"),
        ("hard link to the host", link(tar::EntryType::Link, "/etc/passwd"), none(), "not in the layer"),
        ("through a link to the host", through("/etc"), none(), "link to nothing in the layer"),
        ("through a link out", through("../../../../tmp"), none(), "link to nothing in the layer"),
        ("through a loop", through("l"), none(), "too many levels"),
        ("long component", file(&"n".repeat(99)).clone(), Expectation { diff_id: Some(other), ..none() }, "diff id is"),
    ];
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        for (what, blob, expectation, message) in &table {
            let error = ingest(&fixture.store, blob, expectation.clone()).expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
            assert!(error.to_string().contains(message), "{what}: {error}");
            assert_clean(&fixture, what);
        }
        // Dropped half way.
        let mut writer = fixture.store.layer_writer(Expectation::default()).unwrap();
        writer.write(Bytes::from(good[..5000].to_vec())).unwrap();
        drop(writer);
        assert_clean(&fixture, "dropped");
        assert!(ingest(&fixture.store, &zipped, Expectation::default()).is_ok());
    }
}

#[test]
fn strange_layers_are_confined() {
    if !privileged() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let host = outside.path().to_str().unwrap();
    let tar = join(&[
        raw(tar::EntryType::Regular, "/absolute", "", b"inside"),
        raw(tar::EntryType::Symlink, "out", host, b""),
        raw(tar::EntryType::Symlink, "up", "../../../..", b""),
        raw(tar::EntryType::Regular, "up/landed", "", b"in the root"),
        raw(tar::EntryType::Regular, "twice", "", b"first"),
        raw(tar::EntryType::Regular, "twice", "", b"second"),
        raw(tar::EntryType::Regular, "becomes-folder", "", b"file"),
        raw(tar::EntryType::Directory, "becomes-folder", "", b""),
        raw(tar::EntryType::Regular, "becomes-folder/f", "", b"f"),
        raw(tar::EntryType::Directory, "becomes-file", "", b""),
        raw(tar::EntryType::Regular, "becomes-file/f", "", b"f"),
        raw(tar::EntryType::Regular, "becomes-file", "", b"file"),
        raw(tar::EntryType::Symlink, "replaced", host, b""),
        raw(tar::EntryType::Regular, "replaced", "", b"not through the link"),
    ]);
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        let mounted = fixture.mount("c1", &Image::new("t:1").layer(tar.clone()));
        let read = |path: &str| fs::read_to_string(mounted.path.join(path)).unwrap();
        assert_eq!(read("absolute"), "inside");
        assert_eq!(read("landed"), "in the root");
        assert_eq!(read("twice"), "second");
        assert_eq!(read("becomes-folder/f"), "f");
        assert_eq!(read("becomes-file"), "file");
        assert_eq!(read("replaced"), "not through the link");
        assert_eq!(fs::read_link(mounted.path.join("out")).unwrap(), Path::new(host));
        assert_eq!(tree::of(outside.path()).len(), 1, "nothing was written outside");
        let diff_id = Digest::of(&tar);
        let mut again = Vec::new();
        std::io::Read::read_to_end(&mut fixture.store.layer_tar(&diff_id).unwrap(), &mut again).unwrap();
        assert!(again == tar, "{driver:?}: the tar is kept byte for byte, replaced entries and all");
    }
}

#[test]
fn bombs_are_stopped_early() {
    if !privileged() {
        return;
    }
    for driver in DRIVERS {
        let folder = folder();
        let limits = Limits { tar_size: 4 << 20, entries: 100, ..Limits::default() };
        let store = Store::open(folder.path(), StoreOptions { driver: Some(driver), limits }).unwrap();
        let zeros = gzip(&Layer::new().file("zeros", 0o644, vec![0; 32 << 20]).finish());
        let mut many = Layer::new();
        for i in 0..200 {
            many = many.dir(&format!("d{i}"), 0o755);
        }
        for (what, blob) in [("size", zeros), ("entries", gzip(&many.finish()))] {
            match ingest(&store, &blob, Expectation::default()) {
                Err(Error::Layer { source: LayerError::Limit { .. }, .. }) => {}
                other => panic!("{what}: {other:?}"),
            }
        }
        assert_eq!(fs::read_dir(folder.path().join(driver.name()).join("ingest")).unwrap().count(), 0);
    }
}

/// Each entry alone is short; through links they make a tree that is deeper than any path may be. Unpacked, it would take
/// a descriptor and a stack frame for each level.
#[test]
fn links_do_not_lead_deeper_than_paths_may() {
    if !privileged() {
        return;
    }
    let mut parts = vec![raw(tar::EntryType::Symlink, "l0", ".", b"")];
    for number in 0..100 {
        let deep = format!("l{number}/{}", "d/".repeat(40));
        parts.push(raw(tar::EntryType::Directory, &deep, "", b""));
        parts.push(raw(tar::EntryType::Symlink, &format!("l{}", number + 1), &deep, b""));
    }
    let blob = gzip(&join(&parts));
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        let error = ingest(&fixture.store, &blob, Expectation::default()).unwrap_err();
        assert!(
            matches!(error, Error::Layer { source: LayerError::Limit { what: "depth of a path", .. }, .. }),
            "{error}"
        );
        assert_clean(&fixture, "deep");
    }
}

/// Long links to long links: each entry behind them would take 40 times 2,000 steps.
#[test]
fn links_do_not_multiply_the_work() {
    if !privileged() {
        return;
    }
    let mut layer = Layer::new().dir("d", 0o755).symlink("l0", "d");
    for number in 1..39 {
        layer = layer.symlink(&format!("l{number}"), &format!("{}l{}", "d/../".repeat(700), number - 1));
    }
    let blob = gzip(&layer.file("l38/f", 0o644, "x").finish());
    for driver in DRIVERS {
        let fixture = Fixture::new(driver);
        let error = ingest(&fixture.store, &blob, Expectation::default()).unwrap_err();
        assert!(error.to_string().contains("links on its way are too long"), "{error}");
        assert_clean(&fixture, "long links");
    }
}

/// The names of a root folder lie behind its inode if they fit its block, or else the inode moves: then, too, it is found.
#[test]
fn root_folders_with_any_number_of_names() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    for count in [0, 5, 9, 10, 11, 12, 30, 31, 32, 33] {
        let name = |number: usize| format!("name-{number:029}");
        let layer = (0..count).fold(Layer::new(), |layer, number| layer.file(&name(number), 0o644, "x"));
        let image = Image::new(&format!("t:{count}")).layer(layer.finish());
        let mounted = fixture.mount(&format!("c{count}"), &image);
        let found = fs::read_dir(&mounted.path).unwrap().count();
        assert_eq!(found, count);
        assert!((0..count).all(|number| mounted.path.join(name(number)).exists()));
    }
}

/// A sparse file of a terabyte in a layer of some KiB is fine; its holes take nothing.
#[test]
fn huge_sparse_files() {
    if !privileged() {
        return;
    }
    let fixture = Fixture::new(DriverKind::Erofs);
    let source = fixture.folder.path().join("huge");
    let file = fs::File::create(&source).unwrap();
    file.set_len(1 << 40).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"needle", (1 << 39) + 5).unwrap();
    let output = std::process::Command::new("tar")
        .args(["-c", "--sparse", "--format=pax", "-C"])
        .arg(fixture.folder.path())
        .arg("huge")
        .output()
        .unwrap();
    fs::remove_file(&source).unwrap();
    let mounted = fixture.mount("c1", &Image::new("t:1").layer(output.stdout));
    let file = fs::File::open(mounted.path.join("huge")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 1 << 40);
    let mut found = [0; 8];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut found, (1 << 39) + 4).unwrap();
    assert_eq!(&found, b"\0needle\0");
    assert!(fixture.store.disk_usage().unwrap() < 40 << 20);
}
