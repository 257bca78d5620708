//! Output on its way to the user.

use teu_api::client::Media;
use teu_api::stream::{Decoder, Kind};
use tokio::io::{AsyncWriteExt, Stderr, Stdout};

use crate::error::Error;

/// Where a container's output goes. Writing happens off this thread, so that a slow reader stops nothing else.
pub(super) struct Output {
    decoder: Option<Decoder>,
    stdout: Option<Stdout>,
    stderr: Option<Stderr>,
}

impl Output {
    pub(super) fn new(media: Media, stdout: bool, stderr: bool) -> Self {
        Self {
            decoder: (media == Media::Multiplexed).then(Decoder::new),
            stdout: stdout.then(tokio::io::stdout),
            stderr: stderr.then(tokio::io::stderr),
        }
    }

    /// Writes what came, each piece to its stream.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let Some(decoder) = &mut self.decoder else {
            return write(self.stdout.as_mut(), bytes).await;
        };
        loop {
            match decoder.next(&mut bytes) {
                Ok(Some((Kind::Stderr, piece))) => write(self.stderr.as_mut(), piece).await?,
                Ok(Some((Kind::System, piece))) => {
                    let message = String::from_utf8_lossy(piece);
                    return Err(Error::message(format!("error from daemon in stream: {message}")));
                }
                Ok(Some((_, piece))) => write(self.stdout.as_mut(), piece).await?,
                Ok(None) => return Ok(()),
                Err(malformed) => return Err(Error::message(malformed.to_string())),
            }
        }
    }

    /// Waits until everything is written.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        if let Some(stdout) = &mut self.stdout {
            stdout.flush().await.map_err(gone)?;
        }
        if let Some(stderr) = &mut self.stderr {
            stderr.flush().await.map_err(gone)?;
        }
        Ok(())
    }
}

async fn write(stream: Option<&mut (impl AsyncWriteExt + Unpin)>, bytes: &[u8]) -> Result<(), Error> {
    let Some(stream) = stream else { return Ok(()) };
    stream.write_all(bytes).await.map_err(gone)?;
    // A prompt has no line end, and must be seen.
    stream.flush().await.map_err(gone)
}

/// A reader that went away ends the command without a word.
fn gone(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Error::Exit(128 + 13),
        _ => error.into(),
    }
}
