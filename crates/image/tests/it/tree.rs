//! What a directory tree looks like, for comparison.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use teu_oci::digest::Digest;

/// One path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) device: u64,
    /// Seconds and nanoseconds; of directories too.
    pub(crate) mtime: (i64, i64),
    /// Number of links, and the first path with the same inode: of what is no directory.
    pub(crate) links: u64,
    pub(crate) same_as: String,
    pub(crate) size: u64,
    /// Digest of a file's content, or a link's target.
    pub(crate) content: String,
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
}

/// Everything below `root` and the root itself (as the empty path).
pub(crate) fn of(root: &Path) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    let mut inodes = HashMap::new();
    walk(root, root, &mut nodes, &mut inodes);
    nodes
}

fn walk(root: &Path, path: &Path, nodes: &mut BTreeMap<String, Node>, inodes: &mut HashMap<(u64, u64), String>) {
    let metadata = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let kind = metadata.file_type();
    let is_dir = metadata.is_dir();
    let content = if metadata.is_file() {
        Digest::of(&fs::read(path).unwrap()).short()
    } else if kind.is_symlink() {
        fs::read_link(path).unwrap().to_string_lossy().into_owned()
    } else {
        String::new()
    };
    let first = inodes.entry((metadata.dev(), metadata.ino())).or_insert_with(|| name.clone()).clone();
    let is_device = kind.is_char_device() || kind.is_block_device();
    nodes.insert(
        name,
        Node {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            device: if is_device { metadata.rdev() } else { 0 },
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            links: if is_dir { 0 } else { metadata.nlink() },
            same_as: if is_dir { String::new() } else { first },
            size: if metadata.is_file() { metadata.len() } else { 0 },
            content,
            xattrs: xattrs(path),
        },
    );
    if is_dir {
        let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names.iter().for_each(|child| walk(root, child, nodes, inodes));
    }
}

fn xattrs(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let len = rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let mut xattrs = BTreeMap::new();
    for name in names[..len].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 << 10];
        let len = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        xattrs.insert(String::from_utf8_lossy(name).into_owned(), value[..len].to_vec());
    }
    xattrs
}

/// Panics with the differences, if there are any.
pub(crate) fn assert_same(expected: &BTreeMap<String, Node>, found: &BTreeMap<String, Node>) {
    let mut differences = Vec::new();
    for (path, node) in expected {
        match found.get(path) {
            None => differences.push(format!("missing {path:?}")),
            Some(other) if other != node => {
                differences.push(format!("{path:?}:\n  expected {node:?}\n  found    {other:?}"))
            }
            Some(_) => {}
        }
    }
    differences.extend(found.keys().filter(|path| !expected.contains_key(*path)).map(|path| format!("extra {path:?}")));
    let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} differences:\n{shown}", differences.len());
}
