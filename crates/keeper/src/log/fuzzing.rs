//! Fuzz targets: journals of logs, and what containers write.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Stream;
use super::encode::{Batch, Encoder, MAX_LINE};
use super::journal::{FIELDS, Record};
use crate::protocol::{LogDriver, LogTarget};

/// The journal of a log: what is read is what was written.
pub fn log_journal(data: &[u8]) {
    let mut bytes = [0; FIELDS * 8];
    let len = data.len().min(bytes.len());
    bytes[..len].copy_from_slice(&data[..len]);
    if let Some(record) = Record::from_bytes(&bytes) {
        assert_eq!(Record::from_bytes(&record.to_bytes()), Some(record));
    }
}

/// Encodes what a container wrote as its log, in pieces as `cut` says: the log of the whole.
///
/// The pieces do not matter: every entry is there once, in order.
#[must_use]
pub fn encode_log(output: &[u8], driver: LogDriver, cut: u8) -> Vec<u8> {
    let attrs = BTreeMap::from([("k\"".to_owned(), "v\\\u{1}".to_owned())]);
    let encoder = Encoder::new(&LogTarget { driver, attrs, ..LogTarget::default() });
    let whole = encode(&encoder, output, output.len().max(1));
    assert!(encode(&encoder, output, usize::from(cut) * 257 + 1) == whole, "entries depend on how bytes arrive");
    whole
}

fn encode(encoder: &Encoder, output: &[u8], step: usize) -> Vec<u8> {
    let (mut out, mut from, mut to, mut carry) = (Vec::new(), 0, 0, None);
    while from < output.len() {
        to = (to + step).min(output.len());
        let last = to == output.len();
        let batch = Batch { stream: Stream::Stderr, at: Timestamp::UNIX_EPOCH, carry, last, limit: usize::MAX };
        let encoded = encoder.encode(&output[from..to], &batch, &mut out);
        from += encoded.consumed;
        carry = encoded.carry;
        assert!(!last || from == output.len(), "the end is an entry, too");
        assert!(to - from < MAX_LINE, "a line that is full is an entry");
    }
    out
}
