//! Lines of output to entries of the log file, a pure function.

use jiff::Timestamp;

use super::Stream;
use super::scan::find;
use super::{json, local};
use crate::protocol::{LogDriver, LogTarget};

/// Docker splits longer lines into entries of this many bytes each.
pub(super) const MAX_LINE: usize = 16 << 10;

/// How entries of one container's log are written.
#[derive(Debug)]
pub(super) struct Encoder {
    format: Format,
    /// What the format makes of the attributes that each entry has.
    attrs: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Local,
}

/// What an encoding took and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoded {
    /// Bytes of the input that are in the output.
    pub(super) consumed: usize,
    /// The parts so far of a line whose end is still to come.
    pub(super) carry: Option<Carry>,
}

/// A line that has been cut: parts of it are in the log, its end is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carry {
    /// Time of the first part, which is that of all.
    pub(super) at: Timestamp,
    /// How many parts there are.
    pub(super) parts: u32,
}

/// Which part of a line that has been cut an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// Time of the first part.
    pub(super) first: Timestamp,
    /// Counted from one.
    pub(super) ordinal: u32,
    /// Whether the line ends here.
    pub(super) last: bool,
}

/// What the encoding of some output depends upon, besides the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    /// Where the output came from.
    pub(super) stream: Stream,
    /// When it was read.
    pub(super) at: Timestamp,
    /// What the batch before left.
    pub(super) carry: Option<Carry>,
    /// Whether nothing follows, so that a last line without its end is an entry too.
    pub(super) last: bool,
    /// Stop after the entry that makes the output this long.
    pub(super) limit: usize,
}

impl Encoder {
    pub(super) fn new(target: &LogTarget) -> Encoder {
        match target.driver {
            LogDriver::Local => Encoder { format: Format::Local, attrs: local::attributes(&target.attrs) },
            LogDriver::JsonFile | LogDriver::None => {
                Encoder { format: Format::Json, attrs: json::attributes(&target.attrs) }
            }
        }
    }

    /// Appends the entries for as much of `data` as makes whole entries.
    pub(super) fn encode(&self, data: &[u8], batch: &Batch, out: &mut Vec<u8>) -> Encoded {
        let now = self.stamp(batch.stream, batch.at);
        let mut state = Encoded { consumed: 0, carry: batch.carry };
        while out.len() < batch.limit {
            let rest = &data[state.consumed..];
            let head = &rest[..rest.len().min(MAX_LINE)];
            match find(head, |b| b == b'\n') {
                Some(end) => {
                    match state.carry.take() {
                        None => self.entry(out, &head[..end], &now, None),
                        Some(carry) => self.part(out, &head[..end], batch.stream, carry, true),
                    }
                    state.consumed += end + 1;
                }
                None if head.len() == MAX_LINE || (batch.last && !head.is_empty()) => {
                    let carry = state.carry.get_or_insert(Carry { at: batch.at, parts: 0 });
                    self.part(out, head, batch.stream, *carry, false);
                    carry.parts = carry.parts.saturating_add(1);
                    state.consumed += head.len();
                }
                None => break,
            }
        }
        state
    }

    /// The next part of a line that has been cut.
    fn part(&self, out: &mut Vec<u8>, text: &[u8], stream: Stream, carry: Carry, last: bool) {
        let part = Part { first: carry.at, ordinal: carry.parts.saturating_add(1), last };
        self.entry(out, text, &self.stamp(stream, carry.at), Some(part));
    }

    /// What all entries of a stream and time have in common.
    fn stamp(&self, stream: Stream, at: Timestamp) -> Vec<u8> {
        match self.format {
            Format::Json => json::stamp(stream, at, &self.attrs),
            Format::Local => local::stamp(stream, at),
        }
    }

    #[inline]
    fn entry(&self, out: &mut Vec<u8>, text: &[u8], stamp: &[u8], part: Option<Part>) {
        match self.format {
            Format::Json => json::entry(out, text, stamp, part),
            Format::Local => local::entry(out, text, stamp, part, &self.attrs),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn at(nanos: i32) -> Timestamp {
        Timestamp::new(1_700_000_000, nanos).unwrap()
    }

    fn batch(last: bool) -> Batch {
        Batch { stream: Stream::Stdout, at: at(123_450_000), carry: None, last, limit: usize::MAX }
    }

    fn encode(data: &[u8], batch: &Batch) -> (String, Encoded) {
        let mut out = Vec::new();
        let encoded = Encoder::new(&LogTarget::default()).encode(data, batch, &mut out);
        (String::from_utf8(out).unwrap(), encoded)
    }

    #[test]
    fn lines_are_entries_of_docker() {
        let (out, encoded) = encode(b"a<b\n\nrest", &batch(false));
        assert_eq!(
            out,
            "{\"log\":\"a\\u003cb\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12345Z\"}\n\
             {\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12345Z\"}\n"
        );
        assert_eq!(encoded, Encoded { consumed: 5, carry: None });
    }

    #[test]
    fn whole_seconds_have_no_fraction_and_fractions_no_trailing_zeros() {
        for (nanos, text) in [(0, "20Z"), (1, "20.000000001Z"), (100_000_000, "20.1Z")] {
            let (out, _) = encode(b"x\n", &Batch { at: at(nanos), ..batch(false) });
            assert!(out.ends_with(&format!("\"time\":\"2023-11-14T22:13:{text}\"}}\n")), "{out}");
        }
    }

    #[test]
    fn the_end_of_output_ends_a_line_without_newline() {
        let (out, encoded) = encode(b"rest", &batch(true));
        assert_eq!(out, "{\"log\":\"rest\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:20.12345Z\"}\n");
        assert_eq!(encoded.consumed, 4);
        assert_eq!(encode(b"", &batch(true)).0, "");
    }

    #[test]
    fn long_lines_are_split_and_keep_the_time_of_their_first_part() {
        let line = [vec![b'x'; MAX_LINE], vec![b'y'; 10], b"\nz\n".to_vec()].concat();
        let (first, encoded) = encode(&line[..MAX_LINE], &batch(false));
        assert_eq!(encoded, Encoded { consumed: MAX_LINE, carry: Some(Carry { at: at(123_450_000), parts: 1 }) });
        assert!(first.contains("x\",\"stream\"") && !first.contains("\\n"));
        let later = Batch { at: at(999), carry: encoded.carry, ..batch(false) };
        let (second, encoded) = encode(&line[MAX_LINE..], &later);
        assert_eq!(encoded.carry, None);
        let times: Vec<&str> = second.lines().map(|l| l.split_once("\"time\":").unwrap().1).collect();
        assert_eq!(times, ["\"2023-11-14T22:13:20.12345Z\"}", "\"2023-11-14T22:13:20.000000999Z\"}"]);
    }

    #[test]
    fn a_line_of_exactly_the_maximum_is_followed_by_its_newline() {
        let line = [vec![b'x'; MAX_LINE], b"\n".to_vec()].concat();
        let (out, encoded) = encode(&line, &batch(false));
        assert_eq!(out.lines().count(), 2);
        assert!(out.lines().nth(1).unwrap().starts_with("{\"log\":\"\\n\","));
        assert_eq!(encoded, Encoded { consumed: MAX_LINE + 1, carry: None });
    }

    #[test]
    fn a_limit_stops_after_the_entry_that_reaches_it() {
        let (out, encoded) = encode(b"a\nb\nc\n", &Batch { limit: 80, ..batch(false) });
        assert_eq!((out.lines().count(), encoded.consumed), (2, 4));
    }

    #[test]
    fn attributes_stand_between_stream_and_time() {
        let attrs = BTreeMap::from([("b".into(), "2&".into()), ("a".into(), "1".into())]);
        let mut out = Vec::new();
        Encoder::new(&LogTarget { attrs, ..LogTarget::default() }).encode(b"x\n", &batch(false), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\"stream\":\"stdout\",\"attrs\":{\"a\":\"1\",\"b\":\"2\\u0026\"},\"time\":"), "{text}");
    }

    /// However the bytes arrive, the entries are the same but for times.
    #[test]
    fn entries_do_not_depend_on_how_the_bytes_arrive() {
        let mut data = Vec::new();
        for n in 0..400_usize {
            let letter = b"abcdefghijk"[n % 11];
            data.extend(std::iter::repeat_n(letter, n * n % 40_000));
            data.push(b'\n');
        }
        let (whole, _) = encode(&data, &batch(true));
        for step in [1000, 4096, 16384, 16385, 65536] {
            let mut out = String::new();
            let (mut from, mut to, mut carry) = (0, 0, None);
            while from < data.len() {
                to = (to + step).min(data.len());
                let (part, encoded) = encode(&data[from..to], &Batch { carry, last: to == data.len(), ..batch(false) });
                out += &part;
                from += encoded.consumed;
                carry = encoded.carry;
            }
            assert_eq!(out, whole);
        }
    }
}
