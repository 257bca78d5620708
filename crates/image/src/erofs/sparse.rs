//! Sparse files as chunks: each chunk is a hole, lies in the tar, or is copied behind it.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::format::NULL_BLOCK;
use super::{BLOCK, TAR_START};
use crate::layer::LayerError;
use crate::layer::tree::{Content, InodeId, Node, Tree};
use crate::tar::Segment;

/// Chunks of one file: above this, chunks get larger.
const MAX_FILE_CHUNKS: u64 = 1 << 16;
/// Chunks of one layer; 4 bytes of index each.
const MAX_LAYER_CHUNKS: u64 = 1 << 24;
/// Bytes that may be copied for each byte of tar, and in any case: bounds what a forged map can make of a small layer.
const COPY_FACTOR: u64 = 2;
const COPY_FREE: u64 = 64 << 20;

/// A sparse file's chunks.
pub(super) struct Chunks {
    /// log2 of the chunk size in blocks.
    pub(super) bits: u16,
    /// The block of each chunk.
    pub(super) blocks: Vec<u32>,
}

/// Finds the chunks of all sparse files, copying to `file` from `*end` on what cannot stay where it is.
pub(super) fn resolve(tree: &Tree, file: &File, end: &mut u64) -> Result<HashMap<InodeId, Chunks>, LayerError> {
    let mut copier = Copier { file, end: *end, budget: (*end - TAR_START).saturating_mul(COPY_FACTOR) + COPY_FREE };
    let mut chunks = HashMap::new();
    let mut total = 0_u64;
    for id in 0..tree.len() {
        let Node::File(content) = &tree.inode(id).node else { continue };
        let Some(segments) = &content.sparse else { continue };
        if content.size == 0 {
            continue;
        }
        let bits = chunk_bits(content.size);
        total += content.size.div_ceil(BLOCK << bits);
        if total > MAX_LAYER_CHUNKS {
            return Err(LayerError::Limit { what: "size of sparse files", limit: MAX_LAYER_CHUNKS * BLOCK });
        }
        chunks.insert(id, Chunks { bits, blocks: copier.chunks(content, segments, BLOCK << bits)? });
    }
    *end = copier.end;
    Ok(chunks)
}

fn chunk_bits(size: u64) -> u16 {
    let mut bits = 0;
    while size.div_ceil(BLOCK << bits) > MAX_FILE_CHUNKS {
        bits += 1;
    }
    bits
}

struct Copier<'a> {
    file: &'a File,
    end: u64,
    budget: u64,
}

impl Copier<'_> {
    fn chunks(&mut self, content: &Content, segments: &[Segment], chunk: u64) -> Result<Vec<u32>, LayerError> {
        let mut blocks = Vec::new();
        // Position in the file of the first segment not yet passed, and of its data.
        let mut next = 0;
        let mut data = TAR_START + content.offset;
        let mut start = 0;
        while start < content.size {
            let end = content.size.min(start + chunk);
            while let Some(segment) = segments.get(next)
                && segment.offset + segment.len <= start
            {
                data += segment.len;
                next += 1;
            }
            blocks.push(self.chunk(&segments[next..], data, start, end)?);
            start = end;
        }
        Ok(blocks)
    }

    /// The block of the chunk from `start` to `end`; `segments` begin with the first that ends behind `start`.
    fn chunk(&mut self, segments: &[Segment], data: u64, start: u64, end: u64) -> Result<u32, LayerError> {
        let Some(first) = segments.first().filter(|segment| segment.offset < end) else { return Ok(NULL_BLOCK) };
        if first.offset <= start && first.offset + first.len >= end {
            let position = data + (start - first.offset);
            if position.is_multiple_of(BLOCK) {
                return block_number(position);
            }
        }
        self.copy(segments, data, start, end)
    }

    fn copy(&mut self, segments: &[Segment], mut data: u64, start: u64, end: u64) -> Result<u32, LayerError> {
        let len = end - start;
        self.budget = self
            .budget
            .checked_sub(len)
            .ok_or(LayerError::Limit { what: "unaligned data of sparse files", limit: COPY_FREE })?;
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        for segment in segments.iter().take_while(|segment| segment.offset < end) {
            let from = segment.offset.max(start);
            let to = (segment.offset + segment.len).min(end);
            let at = |position: u64| usize::try_from(position - start).unwrap_or(usize::MAX);
            if from < to {
                let source = data + (from - segment.offset);
                self.file.read_exact_at(&mut buffer[at(from)..at(to)], source).map_err(LayerError::Write)?;
            }
            data += segment.len;
        }
        let block = block_number(self.end)?;
        self.file.write_all_at(&buffer, self.end).map_err(LayerError::Write)?;
        self.end = (self.end + len).next_multiple_of(BLOCK);
        Ok(block)
    }
}

/// The number of the block at a byte position.
pub(super) fn block_number(position: u64) -> Result<u32, LayerError> {
    u32::try_from(position / BLOCK)
        .ok()
        .filter(|block| *block != NULL_BLOCK)
        .ok_or(LayerError::Limit { what: "size of a layer's file", limit: u64::from(u32::MAX) * BLOCK })
}
