//! `export`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::image::save::{Unfinished, copy};
use crate::error::Error;
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Write to a file, instead of STDOUT
    #[arg(short, long, value_name = "string")]
    output: Option<String>,
    container: Vec<String>,
}

impl Verb for Export {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["export"],
        top: "export",
        about: "Export a container's filesystem as a tar archive",
        usage: "[OPTIONS] CONTAINER",
        arguments: Arity::exactly(1),
        examples: &[("An image of one layer", "export web | teu import - flat")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let container = &self.container[0];
        let Some(path) = &self.output else {
            if terminal::is_stdout() {
                return Err(Error::message("cowardly refusing to save to a terminal. Use the -o flag or redirect"));
            }
            copy(cli.client()?.container_export(container).await?, crate::app::write_out).await?;
            return Ok(ExitCode::SUCCESS);
        };
        let file = Unfinished::create(path, "export container")?;
        let body = cli.client()?.container_export(container).await?;
        copy(body, |piece| Ok((&file.file).write_all(piece)?)).await?;
        file.publish()?;
        Ok(ExitCode::SUCCESS)
    }
}
