//! Maps of sparse files: GNU's old header blocks, and the map that PAX format 1.0 puts before the data.

use super::header::number;
use super::pax::decimal;
use super::{BLOCK, Segment};

/// Bytes of one entry of an old GNU map: offset and length, 12 bytes each.
const OLD_ENTRY: usize = 24;
/// Where an old GNU continuation block says whether another follows.
const OLD_CONTINUES: usize = 504;

/// Reads entries of an old GNU map up to the first empty one.
pub(super) fn old_entries(bytes: &[u8], map: &mut Vec<Segment>) -> Result<(), &'static str> {
    for entry in bytes.chunks_exact(OLD_ENTRY) {
        if entry[0] == 0 {
            break;
        }
        let field = |bytes| number(bytes).and_then(|n| u64::try_from(n).ok()).ok_or("sparse map entry is no number");
        map.push(Segment { offset: field(&entry[..12])?, len: field(&entry[12..])? });
    }
    Ok(())
}

/// Reads a continuation block of an old GNU map; answers whether another follows.
pub(super) fn old_block(block: &[u8; BLOCK], map: &mut Vec<Segment>) -> Result<bool, &'static str> {
    old_entries(&block[..OLD_CONTINUES], map)?;
    Ok(block[OLD_CONTINUES] != 0)
}

/// The map of PAX format 1.0, which arrives block by block: decimal lines, first the number of entries.
#[derive(Default)]
pub(super) struct Map10 {
    numbers: Vec<u64>,
    /// A line whose end has not come yet.
    line: Vec<u8>,
}

impl Map10 {
    /// Takes a block. Answers the map when this was its last block.
    pub(super) fn block(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<Segment>>, &'static str> {
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > 20 {
                    return Err("malformed sparse map");
                }
                continue;
            }
            self.numbers.push(decimal(&self.line).ok_or("malformed sparse map")?);
            self.line.clear();
            if self.complete()? {
                let pairs = self.numbers[1..].as_chunks::<2>().0;
                return Ok(Some(pairs.iter().map(|[offset, len]| Segment { offset: *offset, len: *len }).collect()));
            }
        }
        Ok(None)
    }

    fn complete(&self) -> Result<bool, &'static str> {
        let wanted = usize::try_from(self.numbers[0]).ok().and_then(|n| n.checked_mul(2)?.checked_add(1));
        Ok(self.numbers.len() == wanted.ok_or("sparse map is too long")?)
    }
}

/// Checks that a map is in order, does not overlap, stays in the file and describes all of the data.
pub(super) fn check(map: &[Segment], size: u64, data_len: u64) -> Result<(), &'static str> {
    let mut end = 0;
    let mut total = 0_u64;
    for segment in map {
        if segment.offset < end {
            return Err("sparse map is not in order");
        }
        end =
            segment.offset.checked_add(segment.len).filter(|end| *end <= size).ok_or("sparse map exceeds the file")?;
        total += segment.len;
    }
    if total == data_len { Ok(()) } else { Err("sparse map does not fit the data") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_10_over_two_blocks() {
        let mut bytes = b"60\n".to_vec();
        for i in 0..60 {
            bytes.extend(format!("{}\n{}\n", i * 4096, 512).bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let blocks = bytes.as_chunks::<BLOCK>().0;
        assert_eq!(blocks.len(), 2);
        let mut map = Map10::default();
        assert_eq!(map.block(&blocks[0]), Ok(None));
        let segments = map.block(&blocks[1]).unwrap().unwrap();
        assert_eq!(segments[59], Segment { offset: 59 * 4096, len: 512 });
    }

    #[test]
    fn map_10_malformed() {
        let block = |text: &[u8]| {
            let mut block = [0; BLOCK];
            block[..text.len()].copy_from_slice(text);
            Map10::default().block(&block)
        };
        assert!(block(b"x\n").is_err());
        assert!(block(b"99999999999999999999999\n").is_err());
        assert!(block(b"18446744073709551615\n").is_err());
        assert_eq!(block(b"0\n"), Ok(Some(vec![])));
    }

    #[test]
    fn checks() {
        let map = [Segment { offset: 0, len: 10 }, Segment { offset: 20, len: 5 }];
        assert!(check(&map, 25, 15).is_ok());
        assert!(check(&map, 24, 15).is_err());
        assert!(check(&map, 25, 14).is_err());
        assert!(check(&[map[1], map[0]], 25, 15).is_err());
        assert!(check(&[Segment { offset: u64::MAX, len: 2 }], u64::MAX, 2).is_err());
    }
}
