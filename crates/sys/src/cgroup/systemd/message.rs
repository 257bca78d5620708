//! D-Bus messages, as far as talking to systemd takes (D-Bus specification, "Message Protocol").

/// A value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Bool(bool),
    Text(String),
    U64(u64),
    U32List(Vec<u32>),
    Bytes(Vec<u8>),
}

impl Value {
    fn signature(&self) -> &'static str {
        match self {
            Value::Bool(_) => "b",
            Value::Text(_) => "s",
            Value::U64(_) => "t",
            Value::U32List(_) => "au",
            Value::Bytes(_) => "ay",
        }
    }
}

/// Named values: the signature `a(sv)`.
pub(super) type Properties = Vec<(&'static str, Value)>;

/// Builds the little-endian form of values, each aligned to its size from the beginning.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn signature(&mut self, signature: &str) {
        self.bytes.push(u8::try_from(signature.len()).unwrap_or(u8::MAX));
        self.bytes.extend(signature.as_bytes());
        self.bytes.push(0);
    }

    /// An array: its length in bytes, padding, the elements.
    pub(super) fn array(&mut self, alignment: usize, elements: impl FnOnce(&mut Writer)) {
        self.u32(0);
        let length_at = self.bytes.len() - 4;
        self.align(alignment);
        let start = self.bytes.len();
        elements(self);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    fn variant(&mut self, value: &Value) {
        self.signature(value.signature());
        match value {
            Value::Bool(value) => self.u32((*value).into()),
            Value::Text(text) => self.text(text),
            Value::U64(value) => {
                self.align(8);
                self.bytes.extend(value.to_le_bytes());
            }
            Value::U32List(list) => self.array(4, |w| list.iter().for_each(|value| w.u32(*value))),
            Value::Bytes(bytes) => self.array(1, |w| w.bytes.extend(bytes)),
        }
    }

    pub(super) fn properties(&mut self, properties: &Properties) {
        self.array(8, |w| {
            for (name, value) in properties {
                w.align(8);
                w.text(name);
                w.variant(value);
            }
        });
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

const LITTLE_ENDIAN: u8 = b'l';
const VERSION: u8 = 1;
const METHOD_CALL: u8 = 1;
/// Most of a header's fields and of a body that is believed; the protocol's own limit is 128 MiB.
const MAX_LENGTH: usize = 1 << 20;
/// Length of the fixed part of a header, with the length of the fields that follow it.
pub(super) const FIXED_HEADER: usize = 16;

/// A call of systemd's manager.
pub(super) fn call(serial: u32, member: &str, signature: &str, body: Vec<u8>) -> Vec<u8> {
    let mut message = Writer::default();
    message.bytes.extend([LITTLE_ENDIAN, METHOD_CALL, 0, VERSION]);
    message.length(body.len());
    message.u32(serial);
    let fields = [
        (1, "o", "/org/freedesktop/systemd1"),
        (2, "s", "org.freedesktop.systemd1.Manager"),
        (3, "s", member),
        (6, "s", "org.freedesktop.systemd1"),
    ];
    message.array(8, |w| {
        for (code, kind, value) in fields {
            w.align(8);
            w.bytes.push(code);
            w.signature(kind);
            w.text(value);
        }
        w.align(8);
        w.bytes.push(8);
        w.signature("g");
        w.signature(signature);
    });
    message.align(8);
    message.bytes.extend(body);
    message.finish()
}

/// What a received message is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Received {
    /// 2 is a reply, 3 an error, 4 a signal.
    pub(super) kind: u8,
    pub(super) reply_to: Option<u32>,
    pub(super) member: String,
    pub(super) error: String,
    pub(super) body: Vec<u8>,
}

pub(super) const REPLY: u8 = 2;
pub(super) const ERROR: u8 = 3;
pub(super) const SIGNAL: u8 = 4;

/// Length of the whole message that begins with these bytes; `None` if they begin none.
pub(super) fn message_length(header: &[u8; FIXED_HEADER]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let (body, fields) = (usize::try_from(word(4)?).ok()?, usize::try_from(word(12)?).ok()?);
    let sane = header[0] == LITTLE_ENDIAN && header[3] == VERSION && body <= MAX_LENGTH && fields <= MAX_LENGTH;
    sane.then(|| (FIXED_HEADER + fields).next_multiple_of(8) + body)
}

/// Reads a whole message.
pub(super) fn parse(message: &[u8]) -> Option<Received> {
    let header = message.first_chunk::<FIXED_HEADER>()?;
    if message_length(header)? != message.len() {
        return None;
    }
    let mut reader = Reader { bytes: message, at: 12 };
    let end = usize::try_from(reader.u32()?).ok()? + FIXED_HEADER;
    let mut received = Received { kind: message[1], ..Received::default() };
    while reader.at < end {
        reader.align(8);
        let code = reader.byte()?;
        match (code, reader.signature()?.as_str()) {
            (3, "s") => received.member = reader.text()?,
            (4, "s") => received.error = reader.text()?,
            (5, "u") => received.reply_to = Some(reader.u32()?),
            (_, "s" | "o") => _ = reader.text()?,
            (_, "g") => _ = reader.signature()?,
            (_, "u") => _ = reader.u32()?,
            _ => return None,
        }
    }
    received.body = message.get(end.next_multiple_of(8)..)?.to_vec();
    Some(received)
}

/// Reads little-endian values. `None` at the end of the bytes.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.align(4);
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u32()?).ok()?;
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        self.take(1)?;
        Some(text)
    }

    fn signature(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        self.take(1)?;
        Some(text)
    }
}

#[cfg(test)]
pub(super) mod tests_support {
    use super::{LITTLE_ENDIAN, VERSION, Writer};

    /// Any message, as systemd would send it.
    pub(in super::super) fn message(
        kind: u8,
        fields: &[(u8, &str, &str)],
        reply_to: Option<u32>,
        body: &[u8],
    ) -> Vec<u8> {
        let mut message = Writer::default();
        message.bytes.extend([LITTLE_ENDIAN, kind, 0, VERSION]);
        message.length(body.len());
        message.u32(77);
        message.array(8, |w| {
            for (code, signature, value) in fields {
                w.align(8);
                w.bytes.push(*code);
                w.signature(signature);
                w.text(value);
            }
            if let Some(serial) = reply_to {
                w.align(8);
                w.bytes.push(5);
                w.signature("u");
                w.u32(serial);
            }
        });
        message.align(8);
        message.bytes.extend(body);
        message.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_laid_out_as_the_specification_says() {
        let mut body = Writer::default();
        body.text("a");
        body.properties(&vec![("P", Value::U64(5)), ("L", Value::U32List(vec![7]))]);
        let body = body.finish();
        // "a": length, text, end; array: length, padding to 8; "P" at 16, its signature, the value at 32.
        assert_eq!(body[..6], [1, 0, 0, 0, b'a', 0]);
        assert_eq!(body[16..22], [1, 0, 0, 0, b'P', 0]);
        assert_eq!(body[22..25], [1, b't', 0]);
        assert_eq!(body[32..40], 5u64.to_le_bytes());
        let message = call(9, "Do", "sa(sv)", body.clone());
        assert_eq!(message_length(message.first_chunk().unwrap()), Some(message.len()));
        let received = parse(&message).unwrap();
        assert_eq!((received.kind, received.member.as_str()), (METHOD_CALL, "Do"));
        assert_eq!(received.body, body);
    }

    #[test]
    fn damaged_messages_are_refused() {
        let message = call(1, "Do", "s", vec![1, 0, 0, 0, b'x', 0]);
        for end in 0..message.len() {
            assert_eq!(parse(&message[..end]), None);
        }
        for at in 0..message.len() {
            let mut damaged = message.clone();
            damaged[at] ^= 0xFF;
            // Must not panic; some changes leave a message.
            let _ = parse(&damaged);
        }
    }
}
