//! What flows out of and into the engine: container output and input, progress, archives.

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use teu_api::progress::Message;
use tokio::io::AsyncWrite;

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
    /// Standard input, if asked for and open.
    pub input: Option<Input>,
    /// Output: raw with a terminal; otherwise in Docker's multiplexed framing (stream number, three zero bytes, length
    /// as four bytes big endian). Ends when the process has closed its streams.
    pub output: ByteStream,
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
