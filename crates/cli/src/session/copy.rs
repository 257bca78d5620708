//! Output on its way to the user.

use teu_api::client::Media;
use teu_api::error::ErrorResponse;
use teu_api::stream::{Decoder, Kind};
use tokio::io::{AsyncWriteExt, Stderr, Stdout};

use super::Ended;
use crate::error::Error;

/// Where a container's output goes. Writing happens off this thread, so that a slow reader stops nothing else.
pub(super) struct Output {
    decoder: Option<Decoder>,
    stdout: Option<Stdout>,
    stderr: Option<Stderr>,
    /// Payloads that follow each other and go to the same stream: a log has a frame for each line, and each write
    /// goes to another thread and back.
    gathered: Vec<u8>,
    /// What came of how the container ended, as JSON.
    result: Vec<u8>,
    /// What came of why it was not started, as JSON.
    refusal: Vec<u8>,
}

impl Output {
    pub(super) fn new(media: Media, stdout: bool, stderr: bool) -> Self {
        Self {
            decoder: (media == Media::Multiplexed).then(Decoder::new),
            stdout: stdout.then(tokio::io::stdout),
            stderr: stderr.then(tokio::io::stderr),
            gathered: Vec::new(),
            result: Vec::new(),
            refusal: Vec::new(),
        }
    }

    /// Writes what came, each piece to its stream.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if self.decoder.is_none() {
            return write(self.stdout.as_mut(), bytes).await;
        }
        let mut gathering = Kind::Stdout;
        while let Some((kind, piece)) = self.next(&mut bytes)? {
            if kind != gathering {
                self.pass_on(gathering).await?;
                gathering = kind;
            }
            if kind == Kind::System {
                let message = String::from_utf8_lossy(piece);
                return Err(Error::message(format!("error from daemon in stream: {message}")));
            }
            match kind {
                Kind::Result => self.result.extend_from_slice(piece),
                Kind::Refusal => self.refusal.extend_from_slice(piece),
                _ => self.gathered.extend_from_slice(piece),
            }
        }
        self.pass_on(gathering).await
    }

    fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Result<Option<(Kind, &'a [u8])>, Error> {
        let Some(decoder) = &mut self.decoder else { return Ok(None) };
        decoder.next(bytes).map_err(|malformed| Error::message(malformed.to_string()))
    }

    /// Writes what was gathered.
    async fn pass_on(&mut self, kind: Kind) -> Result<(), Error> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let written = match kind {
            Kind::Stderr => write(self.stderr.as_mut(), &self.gathered).await,
            _ => write(self.stdout.as_mut(), &self.gathered).await,
        };
        self.gathered.clear();
        written
    }

    /// Waits until everything is written. Answers what became of the container, as far as that was said.
    pub(super) async fn finish(mut self) -> Result<Ended, Error> {
        if let Some(stdout) = &mut self.stdout {
            stdout.flush().await.map_err(gone)?;
        }
        if let Some(stderr) = &mut self.stderr {
            stderr.flush().await.map_err(gone)?;
        }
        // One that was cut is none.
        if let Ok(refusal) = serde_json::from_slice::<ErrorResponse>(&self.refusal) {
            return Ok(Ended::Refused(refusal.message));
        }
        Ok(Ended::Output(serde_json::from_slice(&self.result).ok()))
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
