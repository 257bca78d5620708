//! Attached streams: the user's terminal or pipes on one side, a container's on the other.

mod copy;

use teu_api::client::{BodyStream, Hijacked, Media};
use teu_api::container::WaitResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::error::Error;
use crate::terminal::escape::Watch;
use crate::terminal::raw::RawMode;
use crate::terminal::signals::Caught;
use copy::Output;

/// Most bytes moved at once.
const CHUNK: usize = 64 * 1024;

/// What is attached, and how.
#[derive(Debug, Clone)]
pub(crate) struct Streams {
    /// Standard input is sent.
    pub(crate) stdin: bool,
    /// Standard output is shown.
    pub(crate) stdout: bool,
    /// Standard error is shown.
    pub(crate) stderr: bool,
    /// The container has a terminal.
    pub(crate) tty: bool,
    /// Keys that detach; only typed at a terminal.
    pub(crate) detach_keys: Vec<u8>,
}

impl Streams {
    /// How the output of an attached container or command comes.
    pub(crate) fn media(&self) -> Media {
        if self.tty { Media::Raw } else { Media::Multiplexed }
    }
}

/// How a session ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The other side closed its output, and may have said how the container ended.
    Output(Option<WaitResponse>),
    /// The container was not started: why.
    Refused(String),
    /// The user typed the detach keys.
    Detached,
    /// A signal ended it; its number.
    Signal(i32),
}

/// Copies until the other side closes its output, or the user detaches.
///
/// The terminal is raw meanwhile, if there is one on both sides. It is restored when the future is done or dropped.
pub(crate) async fn run(stream: Hijacked, media: Media, streams: &Streams) -> Result<Ended, Error> {
    let raw = if streams.tty && streams.stdin { RawMode::enter()? } else { None };
    // A raw terminal must be restored before a signal may end the program.
    let mut fatal = raw.is_some().then(Caught::fatal);
    let (reader, writer) = tokio::io::split(stream);
    let output = receive(reader, media, streams);
    let input = send(writer, streams, raw.is_some());
    let signal = async {
        match &mut fatal {
            Some(caught) => caught.next().await.1,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(output, input, signal);
    let mut input_open = streams.stdin;
    loop {
        tokio::select! {
            // Output first: what came before the end is shown, whatever else happens.
            biased;
            result = &mut output => {
                return result;
            }
            detached = &mut input, if input_open => {
                if detached {
                    return Ok(Ended::Detached);
                }
                input_open = false;
                if !streams.stdout && !streams.stderr {
                    return Ok(Ended::Output(None));
                }
            }
            number = &mut signal => return Ok(Ended::Signal(number)),
        }
    }
}

/// Shows a log as it comes.
pub(crate) async fn show(mut body: BodyStream, media: Media) -> Result<(), Error> {
    let mut output = Output::new(media, true, true);
    while let Some(chunk) = body.chunk().await? {
        output.write(&chunk).await?;
    }
    output.finish().await?;
    Ok(())
}

async fn receive(mut reader: tokio::io::ReadHalf<Hijacked>, media: Media, streams: &Streams) -> Result<Ended, Error> {
    let mut output = Output::new(media, streams.stdout, streams.stderr);
    // Not filled with zeros: most output is short, and memory that is not touched costs nothing.
    let mut buffer = Vec::with_capacity(CHUNK);
    loop {
        buffer.clear();
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return output.finish().await,
            Ok(_) => output.write(&buffer).await?,
            // The engine may cut the connection when the container is gone: that is its end, too.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return output.finish().await,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends standard input. `true` when the user detached; `false` at its end, or when the other side takes no more.
async fn send(mut writer: tokio::io::WriteHalf<Hijacked>, streams: &Streams, raw: bool) -> bool {
    if !streams.stdin {
        return false;
    }
    let mut stdin = tokio::io::stdin();
    let mut buffer = Vec::with_capacity(CHUNK);
    let mut watch = Watch::new(if raw { streams.detach_keys.clone() } else { Vec::new() });
    let mut pass = Vec::new();
    loop {
        buffer.clear();
        if stdin.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            break;
        }
        let detached = watch.filter(&buffer, &mut pass);
        if writer.write_all(&pass).await.is_err() || writer.flush().await.is_err() {
            return false;
        }
        pass.clear();
        if detached {
            return true;
        }
    }
    // Closes the container's standard input and leaves its output open. It may be gone already.
    let _ = writer.shutdown().await;
    false
}
