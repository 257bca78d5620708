//! From a blob's bytes to the tar's, whatever the compression, within limits.

use std::io::{self, Write};

use zstd::stream::raw::DParameter;

use super::{Compression, LayerError, Limits};

/// Takes a blob in pieces and writes the tar.
pub(crate) struct Decompressor<W: Write> {
    state: State<Bounded<W>>,
    taken: u64,
}

enum State<W: Write> {
    /// Not enough bytes yet to tell the compression.
    Start(Vec<u8>, W),
    Plain(W),
    Gzip(Box<flate2::write::MultiGzDecoder<W>>),
    Zstd(Box<ZstdDecoder<W>>),
    /// While one state becomes another.
    Gone,
}

type ZstdDecoder<W> = zstd::stream::zio::Writer<W, zstd::stream::raw::Decoder<'static>>;

/// RFC 1952, section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// RFC 8878, section 3.1.1.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878, section 3.1.2: skippable frames, whose magic's low half-byte is free.
const ZSTD_SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// Bytes that tell the compression.
const MAGIC_LEN: usize = 4;
/// Largest window accepted: 2^27, what `zstd -d` takes without `--long`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// The compression that a blob beginning with these bytes has.
pub(crate) fn sniff(start: &[u8]) -> Compression {
    if start.starts_with(&GZIP_MAGIC) {
        Compression::Gzip
    } else if start.starts_with(&ZSTD_MAGIC) || (start.len() >= MAGIC_LEN && start[1..MAGIC_LEN] == ZSTD_SKIPPABLE) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

impl<W: Write> Decompressor<W> {
    pub(crate) fn new(out: W, limits: Limits) -> Self {
        let bounded = Bounded { out, limits, written: 0, taken: 0, error: None };
        Self { state: State::Start(Vec::with_capacity(MAGIC_LEN), bounded), taken: 0 }
    }

    /// Takes the blob's next bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        self.taken += bytes.len() as u64;
        if let State::Start(start, _) = &mut self.state {
            let missing = MAGIC_LEN.saturating_sub(start.len()).min(bytes.len());
            start.extend_from_slice(&bytes[..missing]);
            bytes = &bytes[missing..];
            if start.len() < MAGIC_LEN {
                return Ok(());
            }
            self.begin()?;
        }
        self.pass(bytes)
    }

    fn begin(&mut self) -> Result<(), LayerError> {
        let State::Start(start, out) = std::mem::replace(&mut self.state, State::Gone) else { return Ok(()) };
        self.state = match sniff(&start) {
            Compression::None => State::Plain(out),
            Compression::Gzip => State::Gzip(Box::new(flate2::write::MultiGzDecoder::new(out))),
            Compression::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new().map_err(LayerError::Decompress)?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).map_err(LayerError::Decompress)?;
                State::Zstd(Box::new(ZstdDecoder::new(out, decoder)))
            }
        };
        self.pass(&start)
    }

    fn pass(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        let taken = self.taken;
        let result = match &mut self.state {
            State::Plain(out) => {
                out.taken = taken;
                out.write_all(bytes)
            }
            State::Gzip(decoder) => {
                decoder.get_mut().taken = taken;
                decoder.write_all(bytes)
            }
            State::Zstd(decoder) => {
                decoder.writer_mut().taken = taken;
                decoder.write_all(bytes)
            }
            State::Start(..) | State::Gone => Ok(()),
        };
        result.map_err(|error| self.explain(error))
    }

    /// Says that the blob is complete; answers the writer and what the compression was.
    pub(crate) fn finish(mut self) -> Result<(W, Compression), LayerError> {
        if matches!(self.state, State::Start(..)) {
            self.begin()?;
        }
        let finished = match &mut self.state {
            State::Gzip(decoder) => decoder.try_finish(),
            // Unlike `write::Decoder::flush`, this finds a frame that is cut off.
            State::Zstd(decoder) => decoder.finish(),
            _ => Ok(()),
        };
        finished.map_err(|error| self.explain(error))?;
        match self.state {
            State::Plain(out) => Ok((out.out, Compression::None)),
            State::Gzip(decoder) => {
                decoder.finish().map(|out| (out.out, Compression::Gzip)).map_err(LayerError::Decompress)
            }
            State::Zstd(decoder) => Ok((decoder.into_inner().0.out, Compression::Zstd)),
            State::Start(..) | State::Gone => Err(LayerError::Decompress(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The writer behind.
    pub(crate) fn out_mut(&mut self) -> Option<&mut W> {
        self.bounded().map(|bounded| &mut bounded.out)
    }

    fn bounded(&mut self) -> Option<&mut Bounded<W>> {
        match &mut self.state {
            State::Plain(out) | State::Start(_, out) => Some(out),
            State::Gzip(decoder) => Some(decoder.get_mut()),
            State::Zstd(decoder) => Some(decoder.writer_mut()),
            State::Gone => None,
        }
    }

    /// The error of the writer behind, if that is what failed.
    fn explain(&mut self, error: io::Error) -> LayerError {
        let kept = self.bounded().and_then(|bounded| bounded.error.take());
        kept.unwrap_or(LayerError::Decompress(error))
    }
}

/// Stops what gets too large.
struct Bounded<W> {
    out: W,
    limits: Limits,
    written: u64,
    /// Bytes of the blob so far.
    taken: u64,
    error: Option<LayerError>,
}

impl<W> Bounded<W> {
    fn check(&self) -> Result<(), LayerError> {
        let Limits { tar_size, ratio, ratio_from, .. } = self.limits;
        if self.written > tar_size {
            return Err(LayerError::Limit { what: "size of the uncompressed layer", limit: tar_size });
        }
        if self.written > ratio_from && self.written / ratio > self.taken {
            return Err(LayerError::Limit { what: "compression ratio", limit: ratio });
        }
        Ok(())
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len() as u64;
        if let Err(error) = self.check() {
            self.error = Some(error);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if let Err(error) = self.out.write_all(bytes) {
            self.error = Some(LayerError::Write(io::Error::from(error.kind())));
            return Err(error);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn run(blob: &[u8], piece: usize, limits: Limits) -> Result<(Vec<u8>, Compression), LayerError> {
        let mut decompressor = Decompressor::new(Vec::new(), limits);
        for piece in blob.chunks(piece) {
            decompressor.write(piece)?;
        }
        decompressor.finish()
    }

    #[test]
    fn every_compression_in_any_pieces() {
        let tar: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let zstd = zstd::stream::encode_all(&tar[..], 1).unwrap();
        let members = [gzip(&tar[..1000]), gzip(&tar[1000..])].concat();
        let frames =
            [zstd::stream::encode_all(&tar[..1000], 1).unwrap(), zstd::stream::encode_all(&tar[1000..], 1).unwrap()];
        for (blob, compression) in [
            (tar.clone(), Compression::None),
            (gzip(&tar), Compression::Gzip),
            (members, Compression::Gzip),
            (zstd, Compression::Zstd),
            (frames.concat(), Compression::Zstd),
        ] {
            for piece in [1, 3, 4096, usize::MAX] {
                let (out, found) = run(&blob, piece, Limits::default()).unwrap();
                assert_eq!((out == tar, found), (true, compression), "{compression:?} in pieces of {piece}");
            }
        }
        assert_eq!(run(b"", 1, Limits::default()).unwrap().0, b"");
        assert_eq!(run(b"abc", 1, Limits::default()).unwrap().0, b"abc");
    }

    #[test]
    fn truncated_and_broken_streams() {
        let tar = vec![7; 100_000];
        for blob in [gzip(&tar), zstd::stream::encode_all(&tar[..], 1).unwrap()] {
            for len in [5, blob.len() / 2, blob.len() - 1] {
                assert!(run(&blob[..len], 7, Limits::default()).is_err(), "{len} of {}", blob.len());
            }
            let mut broken = blob.clone();
            let middle = broken.len() / 2;
            broken[middle] ^= 0xff;
            assert!(run(&broken, 4096, Limits::default()).is_err());
        }
    }

    #[test]
    fn bombs_are_stopped() {
        let bomb = gzip(&vec![0; 4 << 20]);
        let small = Limits { tar_size: 1 << 20, ..Limits::default() };
        assert!(matches!(
            run(&bomb, 4096, small),
            Err(LayerError::Limit { what: "size of the uncompressed layer", .. })
        ));
        let tight = Limits { ratio: 50, ratio_from: 1 << 20, ..Limits::default() };
        assert!(matches!(run(&bomb, 4096, tight), Err(LayerError::Limit { what: "compression ratio", .. })));
    }
}
