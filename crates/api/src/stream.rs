//! Framing of attached streams and logs without a terminal.
//!
//! Each frame is a header of eight bytes and a payload: the first byte tells the stream, the last four the payload's
//! length in big-endian order, the three between are zero. With a terminal there are no frames: bytes are passed raw.

/// Content type of raw streams (with a terminal).
pub const RAW: &str = "application/vnd.docker.raw-stream";
/// Content type of framed streams, known since API 1.42.
pub const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";
/// Bytes of a header.
pub const HEADER_LEN: usize = 8;

/// Which stream a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Standard input, echoed.
    Stdin = 0,
    /// Standard output.
    Stdout = 1,
    /// Standard error.
    Stderr = 2,
    /// An error of the engine, as text.
    System = 3,
    /// How the container ended, as JSON ([`crate::container::WaitResponse`]). Last of what `POST /containers/run` and
    /// `POST /containers/{id}/run` answer; Docker has no such thing.
    Result = 4,
    /// Why the container was not started, as JSON ([`crate::error::ErrorResponse`]). All of what `POST /containers/run` sends
    /// then.
    Refusal = 5,
}

impl TryFrom<u8> for Kind {
    type Error = Malformed;

    fn try_from(byte: u8) -> Result<Self, Malformed> {
        match byte {
            0 => Ok(Self::Stdin),
            1 => Ok(Self::Stdout),
            2 => Ok(Self::Stderr),
            3 => Ok(Self::System),
            4 => Ok(Self::Result),
            5 => Ok(Self::Refusal),
            other => Err(Malformed(other)),
        }
    }
}

/// A header names a stream that does not exist: what is read is no framed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unrecognized stream {0} in a multiplexed stream")]
pub struct Malformed(pub u8);

/// The header of a frame with `len` bytes of payload.
pub fn header(kind: Kind, len: u32) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = len.to_be_bytes();
    [kind as u8, 0, 0, 0, a, b, c, d]
}

/// Takes a framed stream apart as it comes. Payloads are never collected, so that a frame's length costs no memory.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Bytes of a header that was cut.
    partial: [u8; HEADER_LEN],
    partial_len: usize,
    /// Stream and rest of the payload that is being read.
    payload: Option<(Kind, u32)>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a piece of payload off the front of `input`; `None` when `input` is used up.
    ///
    /// # Errors
    /// A header is malformed; nothing after it can be read.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<(Kind, &'a [u8])>, Malformed> {
        loop {
            if let Some((kind, left)) = self.payload {
                if left == 0 {
                    self.payload = None;
                    continue;
                }
                if input.is_empty() {
                    return Ok(None);
                }
                let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                let (piece, rest) = input.split_at(take);
                *input = rest;
                // `take` is at most `left`.
                self.payload = Some((kind, left - u32::try_from(take).unwrap_or(left)));
                return Ok(Some((kind, piece)));
            }
            let take = (HEADER_LEN - self.partial_len).min(input.len());
            let (piece, rest) = input.split_at(take);
            self.partial[self.partial_len..self.partial_len + take].copy_from_slice(piece);
            self.partial_len += take;
            *input = rest;
            if self.partial_len < HEADER_LEN {
                return Ok(None);
            }
            self.partial_len = 0;
            let [kind, _, _, _, a, b, c, d] = self.partial;
            self.payload = Some((Kind::try_from(kind)?, u32::from_be_bytes([a, b, c, d])));
        }
    }

    /// Whether the stream may end here: not within a frame.
    pub fn is_at_boundary(&self) -> bool {
        self.partial_len == 0 && self.payload.is_none_or(|(_, left)| left == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(parts: &[(Kind, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, payload) in parts {
            out.extend(header(*kind, u32::try_from(payload.len()).unwrap()));
            out.extend(*payload);
        }
        out
    }

    fn decode_in_pieces(bytes: &[u8], size: usize) -> (Vec<u8>, Vec<u8>, bool) {
        let (mut decoder, mut out, mut err) = (Decoder::new(), Vec::new(), Vec::new());
        for mut piece in bytes.chunks(size) {
            while let Some((kind, payload)) = decoder.next(&mut piece).unwrap() {
                match kind {
                    Kind::Stderr => err.extend(payload),
                    _ => out.extend(payload),
                }
            }
        }
        (out, err, decoder.is_at_boundary())
    }

    #[test]
    fn any_cut_gives_the_same_streams() {
        let bytes =
            frames(&[(Kind::Stdout, b"hello"), (Kind::Stderr, b""), (Kind::Stderr, b"x"), (Kind::Stdout, b"!")]);
        for size in 1..=bytes.len() {
            assert_eq!(decode_in_pieces(&bytes, size), (b"hello!".to_vec(), b"x".to_vec(), true), "cut at {size}");
        }
    }

    #[test]
    fn a_cut_frame_is_noticed() {
        let bytes = frames(&[(Kind::Stdout, b"hello")]);
        assert!(!decode_in_pieces(&bytes[..4], 1).2);
        assert!(!decode_in_pieces(&bytes[..10], 3).2);
    }

    #[test]
    fn an_unknown_stream_is_an_error_and_a_huge_length_costs_nothing() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.next(&mut &b"HTTP/1.1"[..]), Err(Malformed(b'H')));
        let mut decoder = Decoder::new();
        let mut input = &header(Kind::Stdout, u32::MAX)[..];
        assert_eq!(decoder.next(&mut input), Ok(None));
        assert_eq!(decoder.next(&mut &b"abc"[..]), Ok(Some((Kind::Stdout, &b"abc"[..]))));
    }
}
