//! What flows out of and into the engine: container output and input, progress, archives.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::pin::Pin;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use teu_api::progress::Message;
use teu_api::stream::{Decoder, Kind, Malformed, header};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;

use crate::Error;

/// Bytes as they come: output or an archive.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;
/// What a long operation on images reports; an error ends it. To be told to clients as [`Message::failure`].
pub type ProgressStream = BoxStream<'static, Result<Message, Error>>;

/// The writing end of a process' standard input.
///
/// Shutting it down closes the process' standard input if the container was made with `StdinOnce` (always for an
/// exec); dropping it never does.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// A connection to the streams of a container or exec.
pub struct Attachment {
    /// Whether the process has a terminal.
    pub tty: bool,
    /// Whether the output is in Docker's multiplexed framing (stream number, three zero bytes, length as four bytes big endian)
    /// and not raw. Usual without a terminal.
    pub framed: bool,
    /// Standard input, if asked for and open.
    pub input: Option<Input>,
    /// Output. Ends when the process has closed its streams.
    pub output: ByteStream,
}

impl Attachment {
    /// Makes the output raw: standard output and error as one.
    #[must_use]
    pub fn unframed(self) -> Self {
        if !self.framed {
            return self;
        }
        let mut decoder = Decoder::new();
        let output = self.output.map(move |piece| unframe(&mut decoder, &piece?));
        Self { framed: false, output: output.boxed(), ..self }
    }

    /// Makes `result` the last frame of the output, which is framed then even if the process has a terminal.
    #[must_use]
    pub fn with_result(self, result: impl Future<Output = Vec<u8>> + Send + 'static) -> Self {
        let output = match self.framed {
            true => self.output,
            false => self.output.map(|piece| piece.map(|bytes| frame(Kind::Stdout, &bytes))).boxed(),
        };
        let last = futures_util::stream::once(async { Ok(frame(Kind::Result, &result.await)) });
        Self { framed: true, output: output.chain(last).boxed(), ..self }
    }
}

fn unframe(decoder: &mut Decoder, framed: &[u8]) -> Result<Bytes, Error> {
    let (mut rest, mut raw) = (framed, Vec::with_capacity(framed.len()));
    let malformed = |error: Malformed| Error::Part { part: "attach", message: error.to_string() };
    while let Some((_, piece)) = decoder.next(&mut rest).map_err(malformed)? {
        raw.extend_from_slice(piece);
    }
    Ok(raw.into())
}

/// One frame. A piece of output is far smaller than what a frame can hold.
pub fn frame(kind: Kind, bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&header(kind, length)[..], bytes].concat().into()
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment")
            .field("tty", &self.tty)
            .field("input", &self.input.is_some())
            .finish_non_exhaustive()
    }
}

/// A container's log.
pub struct Logs {
    /// Whether the container has a terminal.
    pub tty: bool,
    /// The log, framed as [`Attachment::output`] is, one frame per entry.
    pub output: ByteStream,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("tty", &self.tty).finish_non_exhaustive()
    }
}

/// Bytes gathered before they are sent.
const CHUNK: usize = 256 << 10;
/// Chunks that may wait for a slow client.
const AHEAD: usize = 4;

/// What `work` writes, as a stream. It runs away from the runtime's threads and fails once nobody listens.
pub(crate) fn piped(work: impl FnOnce(&mut dyn Write) -> Result<(), Error> + Send + 'static) -> ByteStream {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut writer = BufWriter::with_capacity(CHUNK, Sink(sender.clone()));
        let flushed = |mut writer: BufWriter<Sink>| {
            writer.flush().map_err(|source| Error::File { path: "archive".into(), source })
        };
        if let Err(error) = work(&mut writer).and_then(|()| flushed(writer)) {
            // The client may have gone away.
            drop(sender.blocking_send(Err(error)));
        }
    });
    let next = |mut receiver: mpsc::Receiver<_>| async move { receiver.recv().await.map(|item| (item, receiver)) };
    futures_util::stream::unfold(receiver, next).boxed()
}

/// A writer whose bytes become a stream.
struct Sink(mpsc::Sender<Result<Bytes, Error>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone away")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_result_is_the_last_frame_with_a_terminal_too() {
        for framed in [true, false] {
            let piece = if framed { frame(Kind::Stderr, b"out") } else { Bytes::from_static(b"out") };
            let output = futures_util::stream::iter([Ok(piece)]).boxed();
            let attachment = Attachment { tty: !framed, framed, input: None, output };
            let attachment = attachment.with_result(async { b"{}".to_vec() });
            assert!(attachment.framed);
            let pieces: Vec<_> = attachment.output.map(Result::unwrap).collect().await;
            let (all, mut decoder, mut got) = (pieces.concat(), Decoder::new(), Vec::new());
            let mut rest = &all[..];
            while let Some((kind, payload)) = decoder.next(&mut rest).unwrap() {
                got.push((kind, payload));
            }
            let first = if framed { Kind::Stderr } else { Kind::Stdout };
            assert_eq!(got, [(first, &b"out"[..]), (Kind::Result, b"{}")]);
        }
    }
}
