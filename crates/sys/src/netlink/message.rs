//! Encoding: messages, attributes, batches.

/// `NLM_F_REQUEST`: every message to the kernel carries it.
pub const REQUEST: u16 = 0x1;
/// `NLM_F_ACK`: the kernel answers even if all went well.
pub(crate) const ACK: u16 = 0x4;
/// `NLM_F_DUMP`: list everything.
pub const DUMP: u16 = 0x300;
/// `NLM_F_REPLACE`: replace what exists.
pub const REPLACE: u16 = 0x100;
/// `NLM_F_EXCL`: fail if it exists.
pub const EXCLUSIVE: u16 = 0x200;
/// `NLM_F_CREATE`: create what does not exist.
pub const CREATE: u16 = 0x400;

/// Size of `struct nlmsghdr`.
pub(crate) const HEADER: usize = 16;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

/// Several messages to be sent with one system call.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    messages: usize,
    /// Offset of the last message.
    last: usize,
    too_long: bool,
}

impl Batch {
    /// No messages.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.messages
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Size of all messages in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a message: its type and flags ([`REQUEST`] is implied), the family's fixed header, and attributes.
    /// The sequence number is the message's place in the batch until it is sent.
    pub fn push(&mut self, kind: u16, flags: u16, header: &[u8], fill: impl FnOnce(&mut Attributes<'_>)) {
        self.last = self.bytes.len();
        let start = self.last;
        let number = u32::try_from(self.messages).unwrap_or(u32::MAX);
        self.messages += 1;
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&number.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(header);
        pad(&mut self.bytes);
        fill(&mut Attributes { bytes: &mut self.bytes, too_long: &mut self.too_long });
        let length = u32::try_from(self.bytes.len() - start).unwrap_or_else(|_| {
            self.too_long = true;
            0
        });
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// The encoded messages.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether an attribute was longer than its 16-bit length can say: such a batch cannot be sent.
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Sets the acknowledgement flag of the last message.
    pub(crate) fn acknowledge_last(&mut self) {
        if !self.is_empty() {
            self.set_ack(self.last);
        }
    }

    fn set_ack(&mut self, at: usize) {
        let flags = u16::from_ne_bytes([self.bytes[at + 6], self.bytes[at + 7]]) | ACK;
        self.bytes[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
    }

    /// Numbers the messages from `first` on.
    pub(crate) fn number_from(&mut self, first: u32) {
        let (mut at, mut number) = (0, first);
        while at < self.bytes.len() {
            self.bytes[at + 8..at + 12].copy_from_slice(&number.to_ne_bytes());
            number = number.wrapping_add(1);
            at += self.length_at(at);
        }
    }

    /// Length of the message at `at`, padding included.
    fn length_at(&self, at: usize) -> usize {
        let length = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
        (u32::from_ne_bytes(length) as usize).next_multiple_of(4).max(HEADER)
    }
}

/// Writes the attributes of one message or one nest.
#[derive(Debug)]
pub struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    too_long: &'a mut bool,
}

impl Attributes<'_> {
    /// An attribute with these bytes.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.wrap(kind, |a| a.bytes.extend_from_slice(value));
    }

    /// A string, zero-terminated as the kernel wants it.
    pub fn string(&mut self, kind: u16, value: &str) {
        self.wrap(kind, |a| {
            a.bytes.extend_from_slice(value.as_bytes());
            a.bytes.push(0);
        });
    }

    /// One byte.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.bytes(kind, &[value]);
    }

    /// 16 bits in the machine's byte order.
    pub fn u16(&mut self, kind: u16, value: u16) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// 32 bits in the machine's byte order.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_ne_bytes());
    }

    /// 32 bits in network byte order.
    pub fn be32(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// 64 bits in network byte order.
    pub fn be64(&mut self, kind: u16, value: u64) {
        self.bytes(kind, &value.to_be_bytes());
    }

    /// A nest of attributes, marked as such.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) {
        self.wrap(kind | NESTED, fill);
    }

    /// A nest whose attributes are encoded already.
    pub fn nested_bytes(&mut self, kind: u16, value: &[u8]) {
        self.bytes(kind | NESTED, value);
    }

    /// A nest that begins with a fixed header, not marked as nested (`VETH_INFO_PEER`).
    pub fn nest_after(&mut self, kind: u16, header: &[u8], fill: impl FnOnce(&mut Attributes<'_>)) {
        self.wrap(kind, |a| {
            a.bytes.extend_from_slice(header);
            pad(a.bytes);
            fill(a);
        });
    }

    fn wrap(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        fill(&mut Attributes { bytes: self.bytes, too_long: self.too_long });
        let length = u16::try_from(self.bytes.len() - start).unwrap_or_else(|_| {
            *self.too_long = true;
            0
        });
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        pad(self.bytes);
    }
}

/// Pads to the four bytes that messages and attributes are aligned to.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_layout() {
        let mut batch = Batch::new();
        batch.push(16, CREATE, &[1, 2, 3, 4], |a| {
            a.string(3, "lo");
            a.nest(18, |a| a.u8(1, 7));
        });
        let expected = [
            40, 0, 0, 0, 16, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, // header
            1, 2, 3, 4, // family header
            7, 0, 3, 0, b'l', b'o', 0, 0, // string, padded
            12, 0, 18, 0x80, 5, 0, 1, 0, 7, 0, 0, 0, // nest
        ];
        assert_eq!(batch.as_bytes(), expected);
    }

    #[test]
    fn numbering_and_acknowledgement() {
        let mut batch = Batch::new();
        for _ in 0..3 {
            batch.push(16, 0, &[0; 5], |_| ());
        }
        batch.acknowledge_last();
        batch.number_from(u32::MAX);
        let messages: Vec<_> = crate::netlink::messages(batch.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(messages.iter().map(|m| m.sequence).collect::<Vec<_>>(), [u32::MAX, 0, 1]);
        assert_eq!(messages.iter().map(|m| m.flags & ACK != 0).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn too_long_is_noticed() {
        let mut batch = Batch::new();
        batch.push(16, 0, &[], |a| a.bytes(1, &vec![0; 0x1_0000]));
        assert!(batch.is_too_long());
    }
}
