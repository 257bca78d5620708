//! Detach keys: a sequence of keys that leaves a container running and ends the session.

/// Watches what is typed for the sequence.
#[derive(Debug)]
pub(crate) struct Watch {
    keys: Vec<u8>,
    /// How many keys of the sequence were typed, and held back.
    matched: usize,
}

impl Watch {
    /// Watches for `keys`; an empty sequence never matches.
    pub(crate) fn new(keys: Vec<u8>) -> Self {
        Self { keys, matched: 0 }
    }

    /// Takes what was typed and gives what is to be passed on. `true` when the sequence is complete.
    ///
    /// Keys that may begin the sequence are held back until the next one decides.
    pub(crate) fn filter(&mut self, typed: &[u8], out: &mut Vec<u8>) -> bool {
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return true;
                }
                continue;
            }
            out.extend_from_slice(&self.keys[..self.matched]);
            self.matched = usize::from(self.keys.first() == Some(byte));
            if self.matched == 0 {
                out.push(*byte);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let (mut watch, mut out) = (Watch::new(vec![16, 17]), Vec::new());
        let detached = pieces.iter().any(|piece| watch.filter(piece, &mut out));
        (out, detached)
    }

    #[test]
    fn watching() {
        assert_eq!(typed(&[b"ls\r"]), (b"ls\r".to_vec(), false));
        assert_eq!(typed(&[&[16, 17]]), (vec![], true));
        assert_eq!(typed(&[b"a", &[16], &[17]]), (b"a".to_vec(), true));
        assert_eq!(typed(&[&[16], b"x"]), (vec![16, b'x'], false));
        assert_eq!(typed(&[&[16], &[16], &[17]]), (vec![16], true));
        assert_eq!(typed(&[&[17, 16]]), (vec![17], false));
        let mut out = Vec::new();
        assert!(!Watch::new(vec![]).filter(b"x", &mut out));
        assert_eq!(out, b"x");
    }
}
