//! Where each inode and each directory lies in the metadata area.

use std::collections::HashMap;

use super::format::{self, DataLayout, FileType, INODE_SIZE, SLOT};
use super::sparse::Chunks;
use super::{BLOCK, dirent};
use crate::layer::LayerError;
use crate::layer::tree::{Inode, InodeId, Node, Tree};

/// The attribute by which overlayfs knows an opaque directory, and its value.
const OPAQUE: (&[u8], &[u8]) = (b"trusted.overlay.opaque", b"y");

/// The layout of a whole tree.
pub(super) struct Layout {
    /// By inode; `None` for those no name leads to.
    pub(super) places: Vec<Option<Place>>,
    /// Inodes in the order of their places.
    pub(super) order: Vec<InodeId>,
    /// Bytes of the metadata area: inodes, then the blocks of directories and links.
    pub(super) total: u64,
}

/// The place of one inode.
pub(super) struct Place {
    /// Its number: its position in slots.
    pub(super) nid: u64,
    pub(super) links: u32,
    /// For directories: the inode `..` leads to.
    pub(super) parent: InodeId,
    pub(super) layout: DataLayout,
    /// Encoded attributes.
    pub(super) xattrs: Vec<u8>,
    /// Bytes of content that lie in the metadata area: of a directory or a link.
    pub(super) content_size: u64,
    /// Offset in the metadata area of the content's whole blocks.
    pub(super) blocks: u64,
}

/// The file type of an inode.
pub(super) fn file_type(inode: &Inode) -> FileType {
    match &inode.node {
        Node::Directory { .. } => FileType::Directory,
        Node::File(_) => FileType::Regular,
        Node::Symlink(_) => FileType::Symlink,
        Node::CharDevice(..) | Node::Whiteout => FileType::CharDevice,
        Node::BlockDevice(..) => FileType::BlockDevice,
        Node::Fifo => FileType::Fifo,
    }
}

impl Layout {
    /// Places everything that names lead to. The root comes first: its number must fit 16 bits.
    pub(super) fn of(tree: &Tree, chunks: &HashMap<InodeId, Chunks>) -> Result<Self, LayerError> {
        let mut places: Vec<Option<Place>> = Vec::new();
        places.resize_with(tree.len(), || None);
        let mut order = Vec::new();
        // Number 0 is not used: a directory entry with inode 0 is a deleted one to readdir(3).
        let mut cursor = SLOT;
        let mut blocks = 0;
        let mut pending = vec![(Tree::ROOT, Tree::ROOT)];
        while let Some((id, parent)) = pending.pop() {
            if let Some(place) = &mut places[id] {
                place.links += 1;
                continue;
            }
            let place = place(tree.inode(id), parent, chunks.get(&id), &mut cursor, &mut blocks)?;
            order.push(id);
            if let Node::Directory { children, .. } = &tree.inode(id).node {
                pending.extend(children.values().rev().map(|child| (*child, id)));
            }
            places[id] = Some(place);
        }
        count_directory_links(tree, &order, &mut places);
        let inode_area = cursor.next_multiple_of(BLOCK);
        for place in places.iter_mut().flatten() {
            place.blocks += inode_area;
        }
        Ok(Self { places, order, total: inode_area + blocks })
    }
}

fn count_directory_links(tree: &Tree, order: &[InodeId], places: &mut [Option<Place>]) {
    for id in order {
        if let Node::Directory { children, .. } = &tree.inode(*id).node {
            let directories =
                children.values().filter(|child| matches!(tree.inode(**child).node, Node::Directory { .. })).count();
            if let Some(place) = &mut places[*id] {
                place.links = u32::try_from(directories + 2).unwrap_or(u32::MAX);
            }
        }
    }
}

/// Places one inode at the cursor or a little behind it.
fn place(
    inode: &Inode,
    parent: InodeId,
    chunks: Option<&Chunks>,
    cursor: &mut u64,
    blocks: &mut u64,
) -> Result<Place, LayerError> {
    let xattrs = encode_xattrs(inode)?;
    let header = INODE_SIZE + xattrs.len() as u64;
    let content_size = match &inode.node {
        Node::Directory { children, .. } => {
            let names: Vec<&[u8]> = sorted_names(children.keys().map(|name| &**name));
            dirent::size(names.into_iter())
        }
        Node::Symlink(target) => target.len() as u64,
        _ => 0,
    };
    let tail = content_size % BLOCK;
    let inline = (tail > 0).then(|| inline_position(*cursor, header, tail)).flatten();
    let (position, layout, after) = match (chunks, inline) {
        (Some(chunks), _) => {
            let table = header.next_multiple_of(4) + chunks.blocks.len() as u64 * 4;
            (unbroken_position(*cursor), DataLayout::Chunked, table)
        }
        (None, Some(position)) => (position, DataLayout::Inline, header + tail),
        (None, None) => (unbroken_position(*cursor), DataLayout::Plain, header),
    };
    *cursor = (position + after).next_multiple_of(SLOT);
    let place = Place { nid: position / SLOT, links: 1, parent, layout, xattrs, content_size, blocks: *blocks };
    *blocks += match layout {
        DataLayout::Inline => content_size - tail,
        _ => content_size.next_multiple_of(BLOCK),
    };
    Ok(place)
}

/// The next slot where an inode does not straddle two blocks.
fn unbroken_position(cursor: u64) -> u64 {
    if cursor % BLOCK + INODE_SIZE <= BLOCK { cursor } else { cursor.next_multiple_of(BLOCK) }
}

/// The next slot where neither the inode nor the tail behind its header straddles two blocks, if there is one.
fn inline_position(cursor: u64, header: u64, tail: u64) -> Option<u64> {
    (0..BLOCK / SLOT)
        .map(|skipped| cursor + skipped * SLOT)
        .find(|position| position % BLOCK + INODE_SIZE <= BLOCK && (position + header) % BLOCK + tail <= BLOCK)
}

fn encode_xattrs(inode: &Inode) -> Result<Vec<u8>, LayerError> {
    let opaque = matches!(inode.node, Node::Directory { opaque: true, .. }).then_some(OPAQUE);
    let own = inode.xattrs.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    format::encode_xattrs(opaque.into_iter().chain(own))
        .ok_or(LayerError::Limit { what: "size of extended attributes", limit: u64::from(u16::MAX) })
}

/// A directory's names as the kernel searches them: by bytes, `.` and `..` among them.
pub(super) fn sorted_names<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let mut names: Vec<&[u8]> = [&b"."[..], b".."].into_iter().chain(names).collect();
    names.sort_unstable();
    names
}
