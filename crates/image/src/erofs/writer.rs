//! Writes the index of a tree behind the tar it points into.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::dirent::{self, Dirent};
use super::format::{self, DataLayout, NULL_BLOCK, RawInode, SLOT, SUPERBLOCK_OFFSET, Superblock};
use super::layout::{self, Layout, Place};
use super::sparse::{self, Chunks, block_number};
use super::{BLOCK, TAR_START};
use crate::layer::LayerError;
use crate::layer::tree::{Inode, InodeId, Node, Tree};

/// What the index says of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// Bytes of the tar.
    pub(crate) tar_size: u64,
    /// The file system's identity: the beginning of the diff id.
    pub(crate) uuid: [u8; 16],
}

/// What was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Index {
    /// Bytes of the whole file.
    pub(crate) file_size: u64,
}

/// Appends the index of `tree` to `file`, which has the tar from [`TAR_START`] on, and writes the superblock.
pub(crate) fn write_index(tree: &Tree, file: &File, geometry: Geometry) -> Result<Index, LayerError> {
    let mut end = (TAR_START + geometry.tar_size).next_multiple_of(BLOCK);
    let chunks = sparse::resolve(tree, file, &mut end)?;
    let layout = Layout::of(tree, &chunks)?;
    let file_size = end + layout.total;
    let root = layout.places[Tree::ROOT].as_ref().and_then(|place| u16::try_from(place.nid).ok());
    let superblock = Superblock {
        // The first inode, but not always at the first place: what its block has left may be too little for its names.
        root_nid: root.unwrap_or_default(),
        inodes: layout.order.len() as u64,
        blocks: block_number(file_size)?,
        meta_block: block_number(end)?,
        uuid: geometry.uuid,
        chunked: !chunks.is_empty(),
    };
    let metadata = Encoder { tree, layout: &layout, chunks: &chunks, start: end }.encode()?;
    file.write_all_at(&metadata, end).map_err(LayerError::Write)?;
    file.write_all_at(&superblock.encode(), SUPERBLOCK_OFFSET).map_err(LayerError::Write)?;
    Ok(Index { file_size })
}

/// Writes an image with an empty root to `file`: what the probe mounts.
pub(crate) fn probe_image(file: &File) -> Result<Index, LayerError> {
    let tree = Tree::new(crate::layer::Limits::default());
    write_index(&tree, file, Geometry { tar_size: 0, uuid: [0; 16] })
}

struct Encoder<'a> {
    tree: &'a Tree,
    layout: &'a Layout,
    chunks: &'a HashMap<InodeId, Chunks>,
    /// Where the metadata area begins in the file.
    start: u64,
}

impl Encoder<'_> {
    fn encode(&self) -> Result<Vec<u8>, LayerError> {
        let total = usize::try_from(self.layout.total)
            .map_err(|_| LayerError::Limit { what: "size of the index", limit: usize::MAX as u64 })?;
        let mut out = vec![0; total];
        for id in &self.layout.order {
            if let Some(place) = &self.layout.places[*id] {
                self.inode(*id, place, &mut out)?;
            }
        }
        Ok(out)
    }

    fn inode(&self, id: InodeId, place: &Place, out: &mut [u8]) -> Result<(), LayerError> {
        let inode = self.tree.inode(id);
        let at = index(place.nid * SLOT);
        let raw = RawInode {
            layout: place.layout,
            xattr_count: format::xattr_count(place.xattrs.len()).unwrap_or(0),
            mode: inode.mode | layout::file_type(inode).mode_bits(),
            size: match &inode.node {
                Node::File(content) => content.size,
                _ => place.content_size,
            },
            address: self.address(inode, id, place)?,
            number: u32::try_from(place.nid).unwrap_or(u32::MAX),
            uid: inode.uid,
            gid: inode.gid,
            seconds: inode.mtime.seconds,
            nanos: inode.mtime.nanos,
            links: place.links,
        };
        let header = [&raw.encode()[..], &place.xattrs].concat();
        put(out, at, &header);
        match &inode.node {
            Node::Directory { .. } => put_content(out, place, at + header.len(), &self.directory(id, place)),
            Node::Symlink(target) => put_content(out, place, at + header.len(), target),
            _ => {
                if let Some(chunks) = self.chunks.get(&id) {
                    let table: Vec<u8> = chunks.blocks.iter().flat_map(|block| block.to_le_bytes()).collect();
                    put(out, at + header.len().next_multiple_of(4), &table);
                }
            }
        }
        Ok(())
    }

    fn address(&self, inode: &Inode, id: InodeId, place: &Place) -> Result<u32, LayerError> {
        Ok(match &inode.node {
            Node::File(_) if self.chunks.contains_key(&id) => u32::from(self.chunks[&id].bits),
            Node::File(content) if content.size == 0 => NULL_BLOCK,
            Node::File(content) => block_number(TAR_START + content.offset)?,
            Node::Directory { .. } | Node::Symlink(_) => block_number(self.start + place.blocks)?,
            Node::CharDevice(major, minor) | Node::BlockDevice(major, minor) => format::encode_device(*major, *minor),
            Node::Fifo | Node::Whiteout => 0,
        })
    }

    fn directory(&self, id: InodeId, place: &Place) -> Vec<u8> {
        let Node::Directory { children, .. } = &self.tree.inode(id).node else { return Vec::new() };
        let entries: Vec<_> = layout::sorted_names(children.keys().map(|name| &**name))
            .into_iter()
            .map(|name| {
                let target = match name {
                    b"." => id,
                    b".." => place.parent,
                    _ => children[name],
                };
                let nid = self.layout.places[target].as_ref().map_or(0, |place| place.nid);
                Dirent { name, nid, kind: layout::file_type(self.tree.inode(target)) }
            })
            .collect();
        dirent::encode(&entries)
    }
}

/// Writes a directory's or link's content: whole blocks to its blocks, an inline tail behind the inode.
fn put_content(out: &mut [u8], place: &Place, tail_at: usize, content: &[u8]) {
    let whole = match place.layout {
        DataLayout::Inline => content.len() - content.len() % index(BLOCK),
        _ => content.len(),
    };
    put(out, index(place.blocks), &content[..whole]);
    put(out, tail_at, &content[whole..]);
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A position in the metadata area, which is in memory.
fn index(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
