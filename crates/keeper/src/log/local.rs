//! Docker's `local` format: protocol buffers, each between its length and its length again, both four bytes big endian,
//! so that a log can be read from either end.
//!
//! `LogEntry`: 1 source, 2 time in nanoseconds, 3 line without its end, 4 partial, 5 `PartialLogEntryMetadata`
//! (1 last, 2 id, 3 ordinal), 6 attributes (1 key, 2 value).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Stream;
use super::encode::Part;

/// Bytes of a length before and after an entry.
const LENGTH: usize = 4;
/// Wire types of protocol buffers: a number, or bytes after their length.
const VARINT: u8 = 0;
const BYTES: u8 = 2;

/// Field 6, once for each attribute.
pub(super) fn attributes(attrs: &BTreeMap<String, String>) -> Vec<u8> {
    let mut fields = Vec::new();
    for (key, value) in attrs {
        let mut attr = Vec::new();
        bytes(&mut attr, 1, key.as_bytes());
        bytes(&mut attr, 2, value.as_bytes());
        bytes(&mut fields, 6, &attr);
    }
    fields
}

/// Fields 1 and 2.
pub(super) fn stamp(stream: Stream, at: Timestamp) -> Vec<u8> {
    let mut fields = Vec::with_capacity(24);
    bytes(&mut fields, 1, stream.name().as_bytes());
    number(&mut fields, 2, i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX).cast_unsigned());
    fields
}

/// A whole entry.
pub(super) fn entry(out: &mut Vec<u8>, text: &[u8], stamp: &[u8], part: Option<Part>, attrs: &[u8]) {
    let begin = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    out.extend_from_slice(stamp);
    // An empty field is left out.
    if !text.is_empty() {
        bytes(out, 3, text);
    }
    if let Some(part) = part {
        number(out, 4, 1);
        bytes(out, 5, &metadata(part, stamp));
    }
    out.extend_from_slice(attrs);
    let length = u32::try_from(out.len() - begin - LENGTH).unwrap_or(u32::MAX).to_be_bytes();
    out[begin..begin + LENGTH].copy_from_slice(&length);
    out.extend_from_slice(&length);
}

fn metadata(part: Part, stamp: &[u8]) -> Vec<u8> {
    let mut fields = Vec::with_capacity(80);
    if part.last {
        number(&mut fields, 1, 1);
    }
    bytes(&mut fields, 2, line_id(part.first, stamp).as_bytes());
    number(&mut fields, 3, part.ordinal.into());
    fields
}

/// 64 hexadecimal digits that all parts of a line have in common. Docker draws them by lot; here they follow from the
/// line's stream and time, since what is written again after a crash must be the same.
fn line_id(first: Timestamp, stamp: &[u8]) -> String {
    let stream = stamp.iter().fold(0_u64, |sum, &b| sum.wrapping_mul(31).wrapping_add(b.into()));
    let mut state = u64::try_from(first.as_nanosecond()).unwrap_or(0) ^ stream.rotate_left(32);
    (0..4).map(|_| format!("{:016x}", mix(&mut state))).collect()
}

/// One step of splitmix64.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    out.push(field << 3 | BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn number(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3 | VARINT);
    varint(out, value);
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::super::encode::{Batch, Encoder, MAX_LINE};
    use super::*;
    use crate::protocol::{LogDriver, LogTarget};

    fn encode(data: &[u8], attrs: &[(&str, &str)]) -> Vec<u8> {
        let attrs = attrs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let target = LogTarget { driver: LogDriver::Local, attrs, ..LogTarget::default() };
        let at = Timestamp::new(1, 5).unwrap();
        let batch = Batch { stream: Stream::Stderr, at, carry: None, last: true, limit: usize::MAX };
        let mut out = Vec::new();
        Encoder::new(&target).encode(data, &batch, &mut out);
        out
    }

    #[test]
    fn an_entry_is_that_of_docker() {
        let entry = b"\x0a\x06stderr\x10\x85\x94\xeb\xdc\x03\x1a\x02hi";
        assert_eq!(encode(b"hi\n", &[]), [b"\0\0\0\x12", &entry[..], b"\0\0\0\x12"].concat());
        let with = [&entry[..], b"\x32\x06\x0a\x01k\x12\x01v"].concat();
        assert_eq!(encode(b"hi\n", &[("k", "v")]), [b"\0\0\0\x1a", &with[..], b"\0\0\0\x1a"].concat());
    }

    #[test]
    fn parts_of_a_line_are_numbered_and_have_one_id() {
        let out = encode(&[&[b'x'; MAX_LINE + 1][..], b"\n"].concat(), &[]);
        let text = String::from_utf8_lossy(&out).into_owned();
        let ids: Vec<&str> = text.split("\x12@").skip(1).map(|rest| &rest[..64]).collect();
        assert_eq!(ids.len(), 2);
        assert!(ids[0] == ids[1] && ids[0].bytes().all(|b| b.is_ascii_hexdigit()), "{ids:?}");
        // The second: partial, 70 bytes of metadata, the last, and number two.
        assert!(out.windows(7).any(|w| w == [0x20, 1, 0x2a, 70, 0x08, 1, 0x12]));
        assert!(out[..out.len() - 4].ends_with(&[0x18, 2]));
    }
}
