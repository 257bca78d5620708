//! Docker's default format: one JSON object a line.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Stream;
use super::encode::Part;
use super::escape;

/// `"attrs":{…},` or nothing.
pub(super) fn attributes(attrs: &BTreeMap<String, String>) -> Vec<u8> {
    let mut json = Vec::new();
    for (key, value) in attrs {
        json.extend_from_slice(if json.is_empty() { b"\"attrs\":{" } else { b"," });
        escape::append_quoted(&mut json, key);
        json.push(b':');
        escape::append_quoted(&mut json, value);
    }
    if !json.is_empty() {
        json.extend_from_slice(b"},");
    }
    json
}

/// Everything after the text of an entry.
pub(super) fn stamp(stream: Stream, at: Timestamp, attrs: &[u8]) -> Vec<u8> {
    let mut tail = Vec::with_capacity(64 + attrs.len());
    tail.extend_from_slice(b",\"stream\":\"");
    tail.extend_from_slice(stream.name().as_bytes());
    tail.extend_from_slice(b"\",");
    tail.extend_from_slice(attrs);
    // Like Go's RFC3339Nano: as many digits as needed, `Z` for UTC.
    tail.extend_from_slice(format!("\"time\":\"{at}\"}}\n").as_bytes());
    tail
}

/// Parts of a line are told by the missing line end of all but the last.
#[inline]
pub(super) fn entry(out: &mut Vec<u8>, text: &[u8], stamp: &[u8], part: Option<Part>) {
    out.extend_from_slice(b"{\"log\":\"");
    escape::append(out, text);
    let ends = part.is_none_or(|part| part.last);
    out.extend_from_slice(if ends { b"\\n\"" } else { b"\"" });
    out.extend_from_slice(stamp);
}
