//! Docker's `local` format: protocol buffers between their lengths, as the keeper writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::entry::{Entry, Output, Part, Time};

/// Bytes of a length before and after an entry.
const LENGTH: usize = 4;
/// More than any entry has: 16 KiB of text and its attributes.
const MAX: usize = 16 << 20;

/// What begins at the beginning of a piece of log.
pub(super) enum Framed<'a> {
    /// An entry, and how many bytes it takes with its lengths.
    Entry(&'a [u8], usize),
    /// The beginning of one.
    Incomplete,
    /// Something else: where the next entry begins cannot be known.
    Damaged,
}

/// Takes an entry off its frame.
pub(super) fn framed(content: &[u8]) -> Framed<'_> {
    let Some(head) = length(content, 0) else { return Framed::Incomplete };
    // Every entry has a time. Zeros are what some file systems leave at a file's end when the power fails.
    if head > MAX || head == 0 {
        return Framed::Damaged;
    }
    match length(content, LENGTH + head) {
        None => Framed::Incomplete,
        Some(tail) if tail == head => Framed::Entry(&content[LENGTH..LENGTH + head], head + 2 * LENGTH),
        Some(_) => Framed::Damaged,
    }
}

fn length(content: &[u8], at: usize) -> Option<usize> {
    let bytes = content.get(at..at.checked_add(LENGTH)?)?;
    usize::try_from(u32::from_be_bytes(bytes.try_into().ok()?)).ok()
}

/// Reads one entry. `None` if it is none.
pub(super) fn parse(message: &[u8]) -> Option<Entry<'_>> {
    let mut entry = Entry {
        text: Cow::Borrowed(&[]),
        ends: true,
        output: Output::Stdout,
        time: Time::Nanos(0),
        attrs: BTreeMap::new(),
        part: None,
    };
    let (mut partial, mut part) = (false, Part::default());
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(source)) if source == b"stderr" => entry.output = Output::Stderr,
            (2, Value::Number(nanos)) => entry.time = Time::Nanos(nanos.cast_signed()),
            (3, Value::Bytes(line)) => entry.text = Cow::Borrowed(line),
            (4, Value::Number(is)) => partial = is != 0,
            (5, Value::Bytes(metadata)) => part = part_of(metadata)?,
            (6, Value::Bytes(attr)) => {
                let (key, value) = attribute(attr)?;
                entry.attrs.insert(key, value);
            }
            _ => {}
        }
    }
    entry.ends = !partial || part.last;
    entry.part = partial.then_some(part);
    Some(entry)
}

fn part_of(message: &[u8]) -> Option<Part<'_>> {
    let mut part = Part::default();
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Number(is)) => part.last = is != 0,
            (2, Value::Bytes(id)) => part.id = std::str::from_utf8(id).ok()?,
            (3, Value::Number(ordinal)) => part.ordinal = ordinal,
            _ => {}
        }
    }
    Some(part)
}

fn attribute(message: &[u8]) -> Option<(String, String)> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(text)) => key = String::from_utf8_lossy(text).into_owned(),
            (2, Value::Bytes(text)) => value = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
    }
    Some((key, value))
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message of protocol buffers.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field with its number; `Some(None)` at the end, `None` if it makes no sense.
    #[expect(clippy::option_option, reason = "an end and an error are two things")]
    fn next(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let len = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Docker 26.1.5 writes it.
    const ENTRY: &[u8] = b"\x0a\x06stderr\x10\x85\x94\xeb\xdc\x03\x1a\x02hi";

    #[test]
    fn entries_are_read() {
        let entry = parse(ENTRY).expect("an entry");
        assert_eq!((entry.text.as_ref(), entry.ends, entry.output), (&b"hi"[..], true, Output::Stderr));
        assert_eq!(entry.time, Time::Nanos(1_000_000_005));
        let part = [ENTRY, b"\x20\x01\x2a\x07\x12\x03abc\x18\x02\x32\x06\x0a\x01k\x12\x01v"].concat();
        let entry = parse(&part).expect("an entry");
        assert_eq!((entry.ends, entry.part), (false, Some(Part { id: "abc", ordinal: 2, last: false })));
        assert_eq!(entry.attrs["k"], "v");
    }

    #[test]
    fn frames_tell_where_they_end() {
        let framed_entry = [&[0, 0, 0, 18][..], ENTRY, &[0, 0, 0, 18]].concat();
        assert!(matches!(framed(&framed_entry), Framed::Entry(entry, 26) if entry == ENTRY));
        for cut in 0..26 {
            assert!(matches!(framed(&framed_entry[..cut]), Framed::Incomplete), "{cut}");
        }
        assert!(matches!(framed(b"{\"log\":\"x\"}"), Framed::Damaged));
        assert!(matches!(framed(&[0; 16]), Framed::Damaged));
        assert!(parse(b"\x0a\xff\xff").is_none());
    }
}
