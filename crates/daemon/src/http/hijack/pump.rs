//! Moves bytes between a client and a process.

use super::Escape;
use super::websocket::{self, Messages};
use axum::body::Bytes;
use futures_util::StreamExt;
use std::io;
use std::time::Duration;
use teu_engine::{Attachment, ByteStream, Input};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of input read at once.
const PIECE: usize = 16 * 1024;
/// How long a client may take to close its side once it has been told of the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// An attachment that waits for its connection.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(super) attachment: Attachment,
    pub(super) escape: Escape,
    /// The stream follows only when the client has read the head of the answer.
    pub(crate) after_head: bool,
    /// The stream is a websocket's.
    pub(super) websocket: Option<Messages>,
}

/// How the client's side ended.
enum Client {
    /// It sends nothing more, but still listens.
    Finished,
    /// It typed the keys that detach.
    Detached,
}

impl Pending {
    /// Connects the attachment to `io` until the process has closed its output, the client detaches or is gone.
    /// `early` is what the client sent already. Output is written to its last byte before the connection is closed.
    pub(crate) async fn run<T: AsyncRead + AsyncWrite + Unpin>(mut self, io: T, early: Bytes) {
        if let Some(messages) = self.websocket {
            // Who only listens says so, too, when it leaves.
            self.attachment.input.get_or_insert_with(|| Box::pin(tokio::io::sink()));
            let (reader, writer) = websocket::halves(io, early, messages).await;
            return self.connect(reader, Bytes::new(), writer).await;
        }
        let (reader, writer) = tokio::io::split(io);
        self.connect(reader, early, writer).await;
    }

    async fn connect(self, mut reader: impl AsyncRead + Unpin, early: Bytes, mut writer: impl AsyncWrite + Unpin) {
        let Self { attachment, escape, websocket, .. } = self;
        let ended = {
            let input = receive(&mut reader, early, attachment.input, escape);
            let output = send(attachment.output, &mut writer);
            tokio::pin!(input, output);
            tokio::select! {
                sent = &mut output => sent,
                received = input => match received {
                    Ok(Client::Finished) if websocket.is_none() => output.await,
                    // A websocket is closed as a whole.
                    Ok(Client::Finished | Client::Detached) => Ok(()),
                    Err(error) => Err(error),
                },
            }
        };
        // The other side may be gone, which is no failure here.
        writer.shutdown().await.ok();
        match ended {
            Ok(()) => drop(tokio::time::timeout(FAREWELL, ignore(reader)).await),
            Err(error) => tracing::debug!("an attached client left: {error}"),
        }
    }
}

/// Reads until the client closes its side. A socket that is closed with something unread tells the client of a reset, not of
/// an end: who was typing while the process ended would be told of a failure. A websocket's client answers that it knows of
/// the end (RFC 6455, section 7.1.1).
async fn ignore(mut reader: impl AsyncRead + Unpin) {
    let mut piece = vec![0; PIECE];
    while reader.read(&mut piece).await.is_ok_and(|len| len > 0) {}
}

async fn send(mut output: ByteStream, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    while let Some(piece) = output.next().await {
        writer.write_all(&piece.map_err(io::Error::other)?).await?;
        writer.flush().await?;
    }
    Ok(())
}

async fn receive(
    mut reader: impl AsyncRead + Unpin,
    early: Bytes,
    input: Option<Input>,
    mut escape: Escape,
) -> io::Result<Client> {
    // Without standard input nothing of what the client sends matters.
    let Some(mut input) = input else { return Ok(Client::Finished) };
    let mut piece = early.to_vec();
    piece.reserve(PIECE);
    let mut passed = Vec::new();
    loop {
        if escape.is_never() {
            forward(&mut input, &piece).await;
        } else {
            passed.clear();
            let detached = escape.filter(&piece, &mut passed);
            forward(&mut input, &passed).await;
            if detached {
                return Ok(Client::Detached);
            }
        }
        piece.clear();
        if reader.read_buf(&mut piece).await? == 0 {
            // The process may have closed its input already.
            input.shutdown().await.ok();
            return Ok(Client::Finished);
        }
    }
}

/// Writes to the process. That it does not read any more is no reason to stop its output: the input is dropped.
async fn forward(input: &mut Input, bytes: &[u8]) {
    if let Err(error) = input.write_all(bytes).await {
        tracing::trace!("input is not read any more: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use teu_engine::Error;
    use tokio::io::duplex;

    fn pending(input: Option<Input>, output: ByteStream, escape: Escape) -> Pending {
        Pending {
            attachment: Attachment { tty: true, framed: false, input, output },
            escape,
            after_head: false,
            websocket: None,
        }
    }

    #[tokio::test]
    async fn output_after_the_client_closed_its_side_arrives() {
        let (mut client, server) = duplex(64);
        let (process_input, mut process) = duplex(64);
        // The process answers once its input is closed.
        let output = stream::once(async move {
            let mut read = String::new();
            process.read_to_string(&mut read).await.unwrap();
            Ok::<_, Error>(Bytes::from(format!("read {read}")))
        });
        let pending = pending(Some(Box::pin(process_input)), output.boxed(), Escape::never());
        let running = tokio::spawn(pending.run(server, Bytes::from_static(b"early ")));
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = String::new();
        client.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "read early late");
        running.await.unwrap();
    }

    #[tokio::test]
    async fn detaching_ends_the_connection_and_not_the_input() {
        let (mut client, server) = duplex(64);
        let (process_input, mut process) = duplex(64);
        let pending = pending(Some(Box::pin(process_input)), stream::pending().boxed(), Escape::parse("").unwrap());
        let running = tokio::spawn(pending.run(server, Bytes::new()));
        client.write_all(b"x\x10\x11").await.unwrap();
        running.await.unwrap();
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert!(got.is_empty());
        let mut typed = [0];
        process.read_exact(&mut typed).await.unwrap();
        assert_eq!(&typed, b"x");
    }

    /// Neither a client that types more than the process reads, nor one whose process has no input.
    #[tokio::test]
    async fn who_types_to_the_end_is_told_of_the_end_and_of_no_failure() {
        for has_input in [true, false] {
            let (mut client, server) = tokio::net::UnixStream::pair().unwrap();
            let (process_input, _process) = duplex(1);
            let (end, ended) = tokio::sync::oneshot::channel();
            let output = stream::once(async {
                ended.await.unwrap();
                Ok::<_, Error>(Bytes::from_static(b"bye"))
            });
            let input: Option<Input> = if has_input { Some(Box::pin(process_input)) } else { None };
            let running = tokio::spawn(pending(input, output.boxed(), Escape::never()).run(server, Bytes::new()));
            client.write_all(&[b'x'; 3 * PIECE]).await.unwrap();
            end.send(()).unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"bye");
            drop(client);
            running.await.unwrap();
        }
    }

    #[tokio::test]
    async fn output_ends_the_connection_though_the_client_keeps_its_side_open() {
        let (mut client, server) = duplex(64);
        let output = stream::iter([Ok(Bytes::from_static(b"bye"))]);
        let running = tokio::spawn(pending(None, output.boxed(), Escape::never()).run(server, Bytes::new()));
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, b"bye");
        running.await.unwrap();
    }
}
