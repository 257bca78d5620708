//! Keys that detach a client from a terminal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use teu_api::detach_keys::{self, DEFAULT, InvalidKeys};

/// Finds the sequence of keys that detaches in what a client types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Escape {
    keys: Vec<u8>,
    /// Keys of the sequence typed so far; they are held back.
    matched: usize,
}

impl Escape {
    /// No sequence detaches.
    pub(crate) fn never() -> Self {
        Self { keys: Vec::new(), matched: 0 }
    }

    /// Keys as Docker writes them; none are the default.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidKeys> {
        Ok(Self { keys: detach_keys::parse(text)?, matched: 0 })
    }

    /// Keys as an inspected exec tells them; empty for the default.
    pub(crate) fn from_base64(text: &str) -> Self {
        let keys = STANDARD.decode(text).ok().filter(|keys| !keys.is_empty());
        Self { keys: keys.unwrap_or_else(|| DEFAULT.to_vec()), matched: 0 }
    }

    /// Whether input can be passed without looking at it.
    pub(crate) fn is_never(&self) -> bool {
        self.keys.is_empty()
    }

    /// Passes input on to `out`, without a sequence that is complete. Tells whether it is.
    pub(crate) fn filter(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &byte in input {
            if self.keys.get(self.matched) != Some(&byte) {
                // Not the sequence after all: what was held back was meant for the process.
                out.extend_from_slice(&self.keys[..self.matched]);
                self.matched = 0;
            }
            if self.keys.get(self.matched) == Some(&byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return true;
                }
            } else {
                out.push(byte);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn type_in(escape: &mut Escape, pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        for piece in pieces {
            if escape.filter(piece, &mut out) {
                return (out, true);
            }
        }
        (out, false)
    }

    #[test]
    fn the_default_detaches_across_pieces() {
        let mut escape = Escape::parse("").unwrap();
        assert_eq!(type_in(&mut escape, &[b"ab\x10", b"\x11cd"]), (b"ab".to_vec(), true));
    }

    #[test]
    fn a_broken_sequence_reaches_the_process() {
        let mut escape = Escape::parse("").unwrap();
        assert_eq!(type_in(&mut escape, &[b"\x10", b"x\x11"]), (b"\x10x\x11".to_vec(), false));
        // The key that breaks the sequence begins it anew.
        assert_eq!(type_in(&mut escape, &[b"\x10\x10\x11"]), (b"\x10".to_vec(), true));
    }

    #[test]
    fn keys_of_an_inspected_exec() {
        assert_eq!(Escape::from_base64("AQI=").keys, [1, 2]);
        assert_eq!(Escape::from_base64("").keys, DEFAULT);
    }

    #[test]
    fn never_passes_everything() {
        let mut escape = Escape::never();
        assert!(escape.is_never());
        assert_eq!(type_in(&mut escape, &[b"\x10\x11"]), (b"\x10\x11".to_vec(), false));
    }
}
