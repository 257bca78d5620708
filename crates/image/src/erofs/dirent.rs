//! Directory blocks: entries sorted by name, each block on its own searchable.

use super::BLOCK;
use super::format::FileType;

/// Bytes of an entry without its name.
const DIRENT_SIZE: usize = 12;
const BLOCK_SIZE: usize = crate::tar::BLOCK;
const _: () = assert!(BLOCK_SIZE as u64 == BLOCK);

/// One entry of a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dirent<'a> {
    pub(super) name: &'a [u8],
    pub(super) nid: u64,
    pub(super) kind: FileType,
}

/// The size of a directory with these names, in the order given: whole blocks but for the last.
pub(super) fn size<'a>(names: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut full = 0;
    let mut used = 0;
    for name in names {
        let needed = DIRENT_SIZE + name.len();
        if used + needed > BLOCK_SIZE {
            full += BLOCK;
            used = 0;
        }
        used += needed;
    }
    full + used as u64
}

/// Encodes a directory; the same packing as [`size`].
pub(super) fn encode(entries: &[Dirent<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut start = 0;
    while start < entries.len() {
        let mut used = 0;
        let fitting = entries[start..].iter().take_while(|entry| {
            used += DIRENT_SIZE + entry.name.len();
            used <= BLOCK_SIZE
        });
        let end = start + fitting.count();
        out.resize(out.len().next_multiple_of(BLOCK_SIZE), 0);
        encode_block(&entries[start..end], &mut out);
        start = end;
    }
    out
}

fn encode_block(entries: &[Dirent<'_>], out: &mut Vec<u8>) {
    let mut name_offset = entries.len() * DIRENT_SIZE;
    for entry in entries {
        out.extend(entry.nid.to_le_bytes());
        // Below 512: everything is in one block.
        out.extend(u16::try_from(name_offset).unwrap_or(u16::MAX).to_le_bytes());
        out.extend([entry.kind as u8, 0]);
        name_offset += entry.name.len();
    }
    for entry in entries {
        out.extend(entry.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_encoding_agree() {
        for (count, len) in [(1, 1), (2, 2), (39, 1), (40, 1), (3, 250), (500, 9), (5, 255)] {
            let names: Vec<Vec<u8>> = (0..count).map(|i| format!("{i:0len$}").into_bytes()).collect();
            let entries: Vec<_> = names.iter().map(|name| Dirent { name, nid: 7, kind: FileType::Regular }).collect();
            let out = encode(&entries);
            assert_eq!(out.len() as u64, size(names.iter().map(Vec::as_slice)), "{count} {len}");
        }
    }

    #[test]
    fn block_layout() {
        let entries = [
            Dirent { name: b".", nid: 1, kind: FileType::Directory },
            Dirent { name: b"ab", nid: 0x0102, kind: FileType::Symlink },
        ];
        let out = encode(&entries);
        assert_eq!(out[..12], [1, 0, 0, 0, 0, 0, 0, 0, 24, 0, 2, 0]);
        assert_eq!(out[12..24], [2, 1, 0, 0, 0, 0, 0, 0, 25, 0, 7, 0]);
        assert_eq!(&out[24..], b".ab");
    }
}
