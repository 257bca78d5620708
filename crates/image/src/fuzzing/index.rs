//! Reads an EROFS index back, as the kernel does, and compares it with the tree it was made of.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::{Node, TAR_START, Tree};
use crate::layer::tree::{Content, InodeId};

const BLOCK: u64 = 512;
/// Contents are compared up to here.
const COMPARED: u64 = 64 << 10;

/// How deep the tree is.
pub(super) fn depth(tree: &Tree) -> usize {
    let mut deepest = 0;
    let mut pending = vec![(Tree::ROOT, 0)];
    while let Some((id, depth)) = pending.pop() {
        deepest = deepest.max(depth);
        if let Node::Directory { children, .. } = &tree.inode(id).node {
            pending.extend(children.values().map(|child| (*child, depth + 1)));
        }
    }
    deepest
}

/// Walks tree and index together.
pub(super) fn check(tree: &Tree, file: &File, size: u64) {
    let image = Image { file, size };
    assert_eq!(image.u32(1024), 0xE0F5_E1E2, "magic");
    assert_eq!(u64::from(image.u32(1024 + 36)) * BLOCK, size.next_multiple_of(BLOCK), "size in blocks");
    let meta = u64::from(image.u32(1024 + 40)) * BLOCK;
    let root = u64::from(image.u16(1024 + 14));
    let mut seen = HashMap::new();
    let mut pending = vec![(Tree::ROOT, root, root)];
    while let Some((id, nid, parent)) = pending.pop() {
        // One inode is one number, under all of its names.
        if let Some(known) = seen.insert(id, nid) {
            assert_eq!(known, nid);
            continue;
        }
        let inode = Inode::read(&image, meta + nid * 32);
        compare(tree, id, &inode);
        if let Node::Directory { children, .. } = &tree.inode(id).node {
            let mut entries = entries(&image.content(&inode));
            assert_eq!((entries.remove(&b"."[..]), entries.remove(&b".."[..])), (Some(nid), Some(parent)));
            assert!(entries.keys().map(Vec::as_slice).eq(children.keys().map(|name| &**name)), "names");
            pending.extend(children.iter().map(|(name, child)| (*child, entries[&**name], nid)));
        }
        match &tree.inode(id).node {
            Node::Symlink(target) => assert_eq!(&image.content(&inode), target),
            Node::File(content) if content.size <= COMPARED => {
                assert!(image.content(&inode) == expected(file, content), "content of a file");
            }
            _ => {}
        }
    }
    let mut numbers: Vec<u64> = seen.values().copied().collect();
    numbers.sort_unstable();
    assert!(numbers.windows(2).all(|pair| pair[0] != pair[1]), "two inodes of one number");
}

fn compare(tree: &Tree, id: InodeId, inode: &Inode) {
    let wanted = tree.inode(id);
    let kind = match wanted.node {
        Node::Directory { .. } => 0o040_000,
        Node::File(_) => 0o100_000,
        Node::Symlink(_) => 0o120_000,
        Node::CharDevice(..) | Node::Whiteout => 0o020_000,
        Node::BlockDevice(..) => 0o060_000,
        Node::Fifo => 0o010_000,
    };
    assert_eq!((inode.mode, inode.uid, inode.gid), (kind | wanted.mode, wanted.uid, wanted.gid));
    if let Node::File(content) = &wanted.node {
        assert_eq!(inode.size, content.size);
    }
}

/// The file's bytes by what the tar said.
fn expected(file: &File, content: &Content) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(content.size).unwrap_or(0)];
    let mut source = TAR_START + content.offset;
    let whole = [crate::tar::Segment { offset: 0, len: content.size }];
    for segment in content.sparse.as_deref().unwrap_or(&whole) {
        let start = usize::try_from(segment.offset).unwrap_or(usize::MAX);
        let len = usize::try_from(segment.len).unwrap_or(usize::MAX);
        assert!(file.read_exact_at(&mut bytes[start..start + len], source).is_ok());
        source += segment.len;
    }
    bytes
}

struct Image<'a> {
    file: &'a File,
    size: u64,
}

/// An extended inode.
struct Inode {
    layout: u16,
    mode: u16,
    size: u64,
    address: u32,
    uid: u32,
    gid: u32,
    /// Where what follows its header and attributes is.
    tail: u64,
}

impl Inode {
    fn read(image: &Image<'_>, at: u64) -> Self {
        let format = image.u16(at);
        assert_eq!(format & 1, 1, "not an extended inode at {at}");
        let attributes = u64::from(image.u16(at + 2));
        assert!(at % BLOCK + 64 <= BLOCK, "an inode straddles blocks");
        let attributes = if attributes == 0 { 0 } else { 12 + (attributes - 1) * 4 };
        Self {
            layout: format >> 1,
            mode: image.u16(at + 4),
            size: u64::from(image.u32(at + 8)) | u64::from(image.u32(at + 12)) << 32,
            address: image.u32(at + 16),
            uid: image.u32(at + 24),
            gid: image.u32(at + 28),
            tail: at + 64 + attributes,
        }
    }
}

impl Image<'_> {
    fn bytes(&self, at: u64, len: u64) -> Vec<u8> {
        assert!(at + len <= self.size.next_multiple_of(BLOCK), "{at} and {len} more lead out of the file");
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        // What the last block lacks is zeros.
        let have = usize::try_from(self.size.saturating_sub(at).min(len)).unwrap_or(0);
        assert!(self.file.read_exact_at(&mut bytes[..have], at).is_ok());
        bytes
    }

    fn u16(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.bytes(at, 2).try_into().unwrap_or_default())
    }

    fn u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap_or_default())
    }

    fn content(&self, inode: &Inode) -> Vec<u8> {
        let start = u64::from(inode.address) * BLOCK;
        match inode.layout {
            0 if inode.size == 0 => Vec::new(),
            0 => self.bytes(start, inode.size),
            2 => {
                let tail = inode.size % BLOCK;
                assert!(inode.tail % BLOCK + tail <= BLOCK, "an inline tail straddles blocks");
                [self.bytes(start, inode.size - tail), self.bytes(inode.tail, tail)].concat()
            }
            4 => self.chunks(inode),
            other => panic!("layout {other}"),
        }
    }

    fn chunks(&self, inode: &Inode) -> Vec<u8> {
        let chunk = BLOCK << (inode.address & 0x1f);
        let table = inode.tail.next_multiple_of(4);
        let mut bytes = Vec::new();
        for number in 0..inode.size.div_ceil(chunk) {
            let len = chunk.min(inode.size - number * chunk);
            match self.u32(table + number * 4) {
                u32::MAX => bytes.extend(std::iter::repeat_n(0, usize::try_from(len).unwrap_or(0))),
                block => bytes.extend(self.bytes(u64::from(block) * BLOCK, len)),
            }
        }
        bytes
    }
}

/// The entries of a directory's blocks, which are in order.
fn entries(content: &[u8]) -> BTreeMap<Vec<u8>, u64> {
    let mut all = Vec::new();
    for block in content.chunks(512) {
        let offset = |at: usize| usize::from(u16::from_le_bytes([block[at * 12 + 8], block[at * 12 + 9]]));
        let count = offset(0) / 12;
        for at in 0..count {
            let end = if at + 1 < count { offset(at + 1) } else { block.len() };
            let nid = block[at * 12..at * 12 + 8].try_into().map(u64::from_le_bytes).unwrap_or_default();
            let name = &block[offset(at)..end];
            // Only the last name of a block may be padded.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            all.push((name.to_vec(), nid));
        }
    }
    assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "names are not in order");
    all.into_iter().collect()
}
