//! `system dial-stdio`: the engine's socket as standard input and output, for clients that come by `ssh`.

use std::process::ExitCode;

use clap::Args;
use teu_api::client::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::Cli;
use crate::error::{Error, reason};
use crate::verb::{Arity, Spec, Verb};

/// Most bytes moved at once.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(crate) struct DialStdio {}

impl Verb for DialStdio {
    const SPEC: Spec = Spec {
        noun: "system",
        names: &["dial-stdio"],
        top: "",
        about: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
        usage: "",
        arguments: Arity::NONE,
        examples: &[],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let stream = Stream::connect(cli.client()?.endpoint()).await?;
        let (mut from_engine, mut to_engine) = tokio::io::split(stream);
        let input = async {
            let copied = copy(&mut tokio::io::stdin(), &mut to_engine).await;
            // The engine may have more to say. It may be gone already.
            let _ = to_engine.shutdown().await;
            copied
        };
        let mut stdout = tokio::io::stdout();
        let output = copy(&mut from_engine, &mut stdout);
        tokio::pin!(input, output);
        let mut input_open = true;
        loop {
            tokio::select! {
                // What the engine said is passed on before anything else ends this.
                biased;
                copied = &mut output => return copied.map(|()| ExitCode::SUCCESS),
                copied = &mut input, if input_open => {
                    copied?;
                    input_open = false;
                }
            }
        }
    }
}

/// Copies to the end. What goes out is not held back until more comes.
async fn copy(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::message(format!("the stream broke: {}", reason(&error)));
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer).await.map_err(failed)? {
            0 => return Ok(()),
            count => {
                to.write_all(&buffer[..count]).await.map_err(failed)?;
                to.flush().await.map_err(failed)?;
            }
        }
    }
}
