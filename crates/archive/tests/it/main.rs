//! Packing and unpacking, on real folders.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use teu_archive::{Form, Ownership, Packer, Rules, Tree, Unpacker, rebase};

const RULES: Rules = Rules { ownership: Ownership::Own, keep_kinds: true };

fn open(folder: &Path) -> fs::File {
    fs::File::open(folder).unwrap()
}

fn pack(folder: &Path, start: &str) -> Vec<u8> {
    let root = open(folder);
    let mut packer = Packer::new(Vec::new(), Form::Plain);
    packer.add(Tree::new(root.as_fd()), Path::new(start), |path, _| Some(Path::new("top").join(path))).unwrap();
    packer.finish().unwrap()
}

fn unpack(archive: &[u8], root: &Path, folder: &str) -> std::io::Result<()> {
    let root = open(root);
    Unpacker::new(Tree::new(root.as_fd()), Path::new(folder), RULES).unpack(archive)
}

/// An archive of files and links, by hand.
fn archive(entries: &[(&str, Result<&str, &str>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, what) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        header.set_mtime(1000);
        header.set_uid(0);
        header.set_gid(0);
        let content = match what {
            Ok(content) => *content,
            Err(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
                ""
            }
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("from");
    let long = "a".repeat(200);
    fs::create_dir_all(from.join(&long).join(&long)).unwrap();
    fs::write(from.join(&long).join(&long).join("deep"), "deep").unwrap();
    fs::write(from.join("script"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(from.join("script"), fs::Permissions::from_mode(0o4750)).unwrap();
    fs::hard_link(from.join("script"), from.join("twin")).unwrap();
    symlink("/etc/passwd", from.join("link")).unwrap();
    symlink(format!("{long}/{long}"), from.join("long")).unwrap();
    fs::create_dir(from.join("empty")).unwrap();
    let to = folder.path().join("to");
    fs::create_dir(&to).unwrap();
    unpack(&pack(&from, ""), &to, "").unwrap();
    let top = to.join("top");
    assert_eq!(fs::read_to_string(top.join(&long).join(&long).join("deep")).unwrap(), "deep");
    let (script, twin) = (fs::metadata(top.join("script")).unwrap(), fs::metadata(top.join("twin")).unwrap());
    assert_eq!((script.mode() & 0o7777, script.ino()), (0o4750, twin.ino()));
    assert_eq!(fs::read_link(top.join("link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::read_link(top.join("long")).unwrap(), PathBuf::from(format!("{long}/{long}")));
    assert_eq!(script.mtime(), fs::metadata(from.join("script")).unwrap().mtime());
    assert!(top.join("empty").is_dir());
}

/// GNU tar and others leave the fields of device numbers blank where there is no device, and so does the packer.
#[test]
fn fifos_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::create_dir(&to).unwrap();
    rustix::fs::mkfifoat(open(&from), "pipe", Mode::RUSR | Mode::WUSR).unwrap();
    fs::write(from.join("pipf"), "behind it").unwrap();
    unpack(&pack(&from, ""), &to, "").unwrap();
    let pipe = fs::metadata(to.join("top/pipe")).unwrap();
    assert!(pipe.file_type().is_fifo());
    assert_eq!(pipe.permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read(to.join("top/pipf")).unwrap(), b"behind it");
}

#[test]
fn names_are_changed_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/f"), "x").unwrap();
    fs::hard_link(folder.path().join("d/f"), folder.path().join("d/g")).unwrap();
    let mut other = Vec::new();
    rebase(pack(folder.path(), "d").as_slice(), &mut other, b"top/d", b"new").unwrap();
    let to = tempfile::tempdir().unwrap();
    unpack(&other, to.path(), "").unwrap();
    assert_eq!(fs::read_to_string(to.path().join("new/g")).unwrap(), "x");
    let root = open(to.path());
    let unpacker = Unpacker::new(Tree::new(root.as_fd()), Path::new(""), RULES).rename(b"new", b"newer");
    unpacker.unpack(other.as_slice()).unwrap();
    assert_eq!(fs::read_to_string(to.path().join("newer/f")).unwrap(), "x");
}

#[test]
fn links_lead_nowhere_but_into_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    fs::create_dir_all(root.join("in")).unwrap();
    fs::create_dir_all(root.join(outside.strip_prefix("/").unwrap())).unwrap();
    fs::create_dir(&outside).unwrap();
    let target = outside.to_str().unwrap();
    // A link of the archive's own, absolute and relative, and one that is there already.
    unpack(&archive(&[("abs", Err(target)), ("abs/file", Ok("x"))]), &root, "in").unwrap();
    unpack(&archive(&[("up", Err("../../../../../../outside")), ("up/file", Ok("y"))]), &root, "in").unwrap_err();
    symlink(target, root.join("in/there")).unwrap();
    unpack(&archive(&[("there/file2", Ok("z"))]), &root, "in").unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing came out");
    let inside = root.join(outside.strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(inside.join("file")).unwrap(), "x");
    assert_eq!(fs::read_to_string(inside.join("file2")).unwrap(), "z");
    // A file in place of a link replaces the link.
    unpack(&archive(&[("there", Ok("file"))]), &root, "in").unwrap();
    assert!(fs::symlink_metadata(root.join("in/there")).unwrap().is_file());
    for bad in ["../x", "a/../../x", "/../x"] {
        assert!(unpack(&archive(&[(bad, Ok("x"))]), &root, "in").is_err(), "{bad}");
    }
    assert!(!root.join("x").exists());
}

#[test]
fn kinds_are_kept_if_so_wished() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/f"), "").unwrap();
    let error = unpack(&archive(&[("d", Ok("x"))]), folder.path(), "").unwrap_err();
    assert_eq!(error.to_string(), "cannot overwrite directory \"d\" with non-directory \"d\"");
    let root = open(folder.path());
    let rules = Rules { keep_kinds: false, ..RULES };
    Unpacker::new(Tree::new(root.as_fd()), Path::new(""), rules).unpack(archive(&[("d", Ok("x"))]).as_slice()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("d")).unwrap(), "x");
}

#[test]
fn a_name_without_end_does_not_fill_the_memory() {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 40);
    header.set_cksum();
    let header = *header.as_bytes();
    let folder = tempfile::tempdir().unwrap();
    let root = open(folder.path());
    let unpacker = Unpacker::new(Tree::new(root.as_fd()), Path::new(""), RULES);
    let refused = unpacker.unpack(header.as_slice().chain(std::io::repeat(b'x'))).unwrap_err();
    assert_eq!(refused.to_string(), "an entry has more than 4 MiB of names and attributes");
}

#[test]
fn canonical_paths() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    symlink("/a/b", folder.path().join("abs")).unwrap();
    symlink("../../../a", folder.path().join("a/up")).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    let root = open(folder.path());
    let tree = Tree::new(root.as_fd());
    let canonical = |path: &str| tree.canonical(Path::new(path)).unwrap();
    assert_eq!(canonical("/abs/new/x"), Path::new("a/b/new/x"));
    assert_eq!(canonical("a/up/b/../../a"), Path::new("a"));
    assert_eq!(canonical("/../.."), Path::new(""));
    assert!(tree.canonical(Path::new("loop")).is_err());
}
