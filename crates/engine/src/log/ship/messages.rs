//! What is sent at once.

/// Messages one after the other.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// What the receiver will confirm, if it was asked to.
    pub(super) confirmations: Vec<String>,
}

impl Messages {
    /// Adds a message.
    pub(super) fn push(&mut self, message: impl FnOnce(&mut Vec<u8>)) {
        message(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// All, as a stream has them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each, from a certain one on.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = &[u8]> {
        (first..self.ends.len()).map(|n| {
            let begin = n.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.bytes[begin..self.ends[n]]
        })
    }
}
