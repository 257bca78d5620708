//! Request lines as people type them.
//!
//! `curl 'http://…/containers/json?filters={"status":["running"]}'` sends its quotes as they are. Docker takes that; the
//! HTTP library here does not. So the quotes in the first line of a connection are encoded before it sees them. Clients
//! that send several requests over one connection are libraries, which encode them.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// No request line of use is longer; what comes later is left as it is.
const LONGEST_LINE: usize = 64 << 10;
/// Bytes read at once.
const CHUNK: usize = 8 << 10;

/// A connection whose first line may have quotes in it.
#[derive(Debug)]
pub(super) struct Lenient<T> {
    io: T,
    /// Bytes of the first line that were read so far; none when it is over.
    line: Option<usize>,
    /// What was read and is still to be handed on.
    read: Vec<u8>,
}

impl<T> Lenient<T> {
    pub(super) fn new(io: T) -> Self {
        Self { io, line: Some(0), read: Vec::new() }
    }

    /// The connection itself, and what was read of it and not handed on.
    pub(super) fn into_parts(self) -> (T, Vec<u8>) {
        (self.io, self.read)
    }

    fn take(&mut self, bytes: &[u8]) {
        let Some(before) = self.line else { return self.read.extend_from_slice(bytes) };
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        for byte in line {
            match byte {
                b'"' => self.read.extend_from_slice(b"%22"),
                byte => self.read.push(*byte),
            }
        }
        self.read.extend_from_slice(rest);
        self.line = (end.is_none() && before + line.len() < LONGEST_LINE).then_some(before + line.len());
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lenient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = &mut *self;
        if this.read.is_empty() {
            if this.line.is_none() {
                return Pin::new(&mut this.io).poll_read(cx, buffer);
            }
            let mut chunk = [0; CHUNK];
            let mut chunk = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut this.io).poll_read(cx, &mut chunk))?;
            this.take(chunk.filled());
        }
        let length = this.read.len().min(buffer.remaining());
        buffer.put_slice(&this.read[..length]);
        this.read.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Lenient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Lenient;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn through(pieces: &[&str]) -> String {
        let (mut client, server) = tokio::io::duplex(16);
        let pieces: Vec<String> = pieces.iter().map(|&piece| piece.to_owned()).collect();
        let send = tokio::spawn(async move {
            for piece in pieces {
                client.write_all(piece.as_bytes()).await.expect("sent");
            }
        });
        let mut read = String::new();
        Lenient::new(server).read_to_string(&mut read).await.expect("read");
        send.await.expect("sent");
        read
    }

    #[tokio::test]
    async fn quotes_of_the_first_line_only() {
        let read = through(&["GET /x?f={\"a\":[\"", "b\"]} HTTP/1.1\r\nA: \"b\"\r\n\r\n{\"c\": 1}\n", "\""]).await;
        assert_eq!(read, "GET /x?f={%22a%22:[%22b%22]} HTTP/1.1\r\nA: \"b\"\r\n\r\n{\"c\": 1}\n\"");
    }

    #[tokio::test]
    async fn what_was_not_read_stays_available() {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"A \"\r\nrest").await.expect("sent");
        let mut lenient = Lenient::new(server);
        let mut first = [0; 3];
        lenient.read_exact(&mut first).await.expect("read");
        let (_, left) = lenient.into_parts();
        assert_eq!((&first[..], &left[..]), (&b"A %"[..], &b"22\r\nrest"[..]));
    }
}
