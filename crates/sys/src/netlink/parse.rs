//! Decoding: pure functions over bytes, bounded by them.

use super::message::HEADER;

/// The bytes are no well-formed sequence of messages or attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed netlink message")]
pub struct Malformed;

/// One message as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Type.
    pub kind: u16,
    /// Flags.
    pub flags: u16,
    /// Sequence number.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// Iterates over the messages in a received buffer; ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct MessageIter<'a> {
    rest: &'a [u8],
}

/// The messages in `bytes`.
pub fn messages(bytes: &[u8]) -> MessageIter<'_> {
    MessageIter { rest: bytes }
}

impl<'a> Iterator for MessageIter<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = parse_message(self.rest);
        self.rest = match &message {
            Ok((_, rest)) => rest,
            Err(Malformed) => &[],
        };
        Some(message.map(|(message, _)| message))
    }
}

fn parse_message(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Malformed> {
    let length = u32_at(bytes, 0).ok_or(Malformed)? as usize;
    if length < HEADER || length > bytes.len() {
        return Err(Malformed);
    }
    let message = Message {
        kind: u16_at(bytes, 4).ok_or(Malformed)?,
        flags: u16_at(bytes, 6).ok_or(Malformed)?,
        sequence: u32_at(bytes, 8).ok_or(Malformed)?,
        payload: &bytes[HEADER..length],
    };
    Ok((message, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Type, without the nesting and byte order flags.
    pub kind: u16,
    /// Value.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The value as 32 bits in the machine's byte order.
    pub fn u32(&self) -> Option<u32> {
        u32_at(self.value, 0)
    }

    /// The value as 32 bits in network byte order.
    pub fn be32(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.value.get(..4)?.try_into().ok()?))
    }

    /// The value as a string, up to its first zero.
    pub fn string(&self) -> String {
        let end = self.value.iter().position(|b| *b == 0).unwrap_or(self.value.len());
        String::from_utf8_lossy(&self.value[..end]).into_owned()
    }

    /// The attributes nested inside.
    pub fn nested(&self) -> AttributeIter<'a> {
        AttributeIter { rest: self.value }
    }
}

/// Iterates over attributes; ends at the first malformed one.
#[derive(Clone, Debug)]
pub struct AttributeIter<'a> {
    rest: &'a [u8],
}

/// The attributes that follow a family header of `header` bytes in `payload`.
pub fn attributes(payload: &[u8], header: usize) -> AttributeIter<'_> {
    AttributeIter { rest: payload.get(header.next_multiple_of(4)..).unwrap_or_default() }
}

impl<'a> AttributeIter<'a> {
    /// The first attribute of this type.
    pub fn get(mut self, kind: u16) -> Option<Attribute<'a>> {
        self.find(|a| a.kind == kind)
    }
}

impl<'a> Iterator for AttributeIter<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let length = usize::from(u16_at(self.rest, 0)?);
        let value = self.rest.get(4..length)?;
        // `NLA_TYPE_MASK`
        let kind = u16_at(self.rest, 2)? & 0x3fff;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Attribute { kind, value })
    }
}

/// 16 bits in the machine's byte order at an offset.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// 32 bits in the machine's byte order at an offset.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_and_every_length_is_survived() {
        let mut bytes = vec![24, 0, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 8, 0, 1, 0x80, 5, 0, 2, 0];
        for length in 0..=255 {
            bytes[0] = length;
            for end in 0..=bytes.len() {
                for message in messages(&bytes[..end]).flatten() {
                    attributes(message.payload, 0).flat_map(|a| a.nested()).count();
                    attributes(message.payload, 3).count();
                }
            }
        }
        for length in 0..=255 {
            bytes[0] = 24;
            bytes[16] = length;
            let message = messages(&bytes).next().unwrap().unwrap();
            assert!(attributes(message.payload, 0).count() <= 2);
        }
    }

    #[test]
    fn malformed_ends_the_iteration() {
        let bytes = [8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(messages(&bytes).collect::<Vec<_>>(), [Err(Malformed)]);
        // A length of zero must not loop.
        assert_eq!(messages(&[0; 64]).count(), 1);
        assert_eq!(attributes(&[0; 64], 0).count(), 0);
    }

    #[test]
    fn strings_end_at_zero() {
        assert_eq!(Attribute { kind: 3, value: b"eth0\0\0" }.string(), "eth0");
        assert_eq!(Attribute { kind: 3, value: b"eth0" }.string(), "eth0");
    }
}
