//! `history`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::error::Error;
use crate::format::history::{Layer, TABLE, TABLE_PLAIN};
use crate::format::row::Format;
use crate::format::time;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct History {
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Print sizes and dates in human readable format (default true)
    #[arg(short = 'H', long, default_value = "true")]
    human: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    image: Vec<String>,
}

impl Verb for History {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["history"],
        top: "history",
        about: "Show the history of an image",
        usage: "[OPTIONS] IMAGE",
        arguments: Arity::exactly(1),
        examples: &[("The instructions in full", "history --no-trunc --format '{{.CreatedBy}}' busybox")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.platform.is_some() {
            return Err(Cli::unsupported("platform"));
        }
        let format = match self.format.as_str() {
            "" if self.quiet => "{{.ID}}",
            "" => "table",
            format => format,
        };
        let format = Format::parse(format, if self.human { TABLE } else { TABLE_PLAIN })?;
        let layers = cli.client()?.image_history(&self.image[0]).await?;
        let now = time::now();
        let row = |history| Layer { history, truncate: !self.no_trunc, human: self.human, now };
        let rows: Vec<Layer> = layers.into_iter().map(row).collect();
        cli.print(format.print(&rows)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
