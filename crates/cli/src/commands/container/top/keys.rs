//! From bytes to keys.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
}

/// Sequences that terminals send after an escape (ECMA-48 and xterm's control sequences, normal and application mode).
const SEQUENCES: [(&[u8], Key); 14] = [
    (b"[A", Key::Up),
    (b"OA", Key::Up),
    (b"[B", Key::Down),
    (b"OB", Key::Down),
    (b"[5~", Key::PageUp),
    (b"[6~", Key::PageDown),
    (b"[H", Key::Home),
    (b"OH", Key::Home),
    (b"[1~", Key::Home),
    (b"[7~", Key::Home),
    (b"[F", Key::End),
    (b"OF", Key::End),
    (b"[4~", Key::End),
    (b"[8~", Key::End),
];

/// Reads keys from what is typed.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The beginning of a character that was cut.
    rest: Vec<u8>,
}

impl Keys {
    /// The keys in `bytes`. A terminal sends a sequence at once: an escape at the end was typed as such.
    pub(super) fn decode(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let (mut keys, mut rest) = (Vec::new(), &all[..]);
        while let Some(&first) = rest.first() {
            let (key, used) = match first {
                b'\x1b' => escape(&rest[1..]),
                3 => (Some(Key::Interrupt), 1),
                26 => (Some(Key::Suspend), 1),
                b'\r' | b'\n' => (Some(Key::Enter), 1),
                8 | 127 => (Some(Key::Backspace), 1),
                0..32 => (None, 1),
                _ => match character(rest) {
                    Some(found) => found,
                    None => {
                        self.rest = rest.to_vec();
                        return keys;
                    }
                },
            };
            keys.extend(key);
            rest = &rest[used..];
        }
        keys
    }
}

/// What follows an escape: the key, and how many bytes with the escape.
fn escape(rest: &[u8]) -> (Option<Key>, usize) {
    if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
        return (Some(*key), 1 + sequence.len());
    }
    match rest.first() {
        // One that is not known ends with its first letter or tilde.
        Some(b'[' | b'O') => {
            let end = rest[1..].iter().position(|byte| (0x40..=0x7e).contains(byte));
            (None, 1 + end.map_or(rest.len(), |at| at + 2))
        }
        _ => (Some(Key::Escape), 1),
    }
}

/// A character of UTF-8; `None` if it is not whole yet.
fn character(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let length = match bytes[0] {
        0x00..0x80 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf8 => 4,
        _ => return Some((None, 1)),
    };
    let text = std::str::from_utf8(bytes.get(..length)?);
    Some((text.ok().and_then(|text| text.chars().next()).map(Key::Char), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_terminals_send() {
        let mut keys = Keys::default();
        assert_eq!(keys.decode(b"jq\r\x7f"), [Key::Char('j'), Key::Char('q'), Key::Enter, Key::Backspace]);
        assert_eq!(keys.decode(b"\x1b[A\x1bOB\x1b[6~\x1b[1~"), [Key::Up, Key::Down, Key::PageDown, Key::Home]);
        assert_eq!(keys.decode(b"\x1b"), [Key::Escape]);
        assert_eq!(keys.decode(b"\x1b[1;5Cx"), [Key::Char('x')], "an unknown sequence is one key that does nothing");
        assert_eq!(keys.decode(b"\x03\x1a\x01"), [Key::Interrupt, Key::Suspend]);
        assert_eq!(keys.decode(b"\x1b[99"), []);
    }

    #[test]
    fn characters_may_be_cut() {
        let mut keys = Keys::default();
        assert_eq!(keys.decode(&[0xc3]), []);
        assert_eq!(keys.decode(&[0xa4, b'b']), [Key::Char('ä'), Key::Char('b')]);
        assert_eq!(keys.decode(&[0xff, b'c']), [Key::Char('c')]);
    }
}
