//! `load`.

use std::process::ExitCode;

use clap::Args;
use teu_api::client::RequestBody;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::app::Cli;
use crate::error::{Error, go_io};
use crate::progress::Display;
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};

/// Most bytes read at once from an archive.
const CHUNK: usize = 256 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// Read from tar archive file, instead of STDIN
    #[arg(short, long, value_name = "string")]
    input: Option<String>,
    /// Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Suppress the load output
    #[arg(short, long)]
    quiet: bool,
}

impl Verb for Load {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["load"],
        top: "load",
        about: "Load an image from a tar archive or STDIN",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[
            ("From a file", "load -i images.tar"),
            ("From another machine", "load < <(ssh host docker save web)"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.platform.is_some() {
            return Err(Cli::unsupported("platform"));
        }
        let source = match self.input {
            Some(path) => Source::File(path),
            None if terminal::is_stdin() => {
                return Err(Error::message("requested load from stdin, but stdin is empty"));
            }
            None => Source::Stdin,
        };
        let body = body(&source)?;
        let quiet = self.quiet || !terminal::is_stdout();
        let messages = cli.client()?.image_load(body, quiet).await?;
        Display::stdout().follow(messages, |_| ()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Where an archive comes from.
pub(super) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(String),
}

/// An archive as the body of a request, read as it is sent.
pub(super) fn body(source: &Source) -> Result<RequestBody, Error> {
    match source {
        Source::Stdin => Ok(stream(tokio::io::stdin())),
        Source::File(path) => {
            let file = std::fs::File::open(path).map_err(|error| go_io("open", path, &error))?;
            Ok(stream(tokio::fs::File::from_std(file)))
        }
    }
}

fn stream(reader: impl AsyncRead + Send + 'static) -> RequestBody {
    RequestBody::stream(ReaderStream::with_capacity(reader, CHUNK))
}
