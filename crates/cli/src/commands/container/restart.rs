//! `restart`.

use std::process::ExitCode;

use clap::Args;

use super::stop::How;
use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    how: How,
    containers: Vec<String>,
}

impl Verb for Restart {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["restart"],
        top: "restart",
        about: "Restart one or more containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let options = self.how.options(cli)?;
        each(cli, &self.containers, async |client, name| {
            client.container_restart(name, &options).await?;
            Ok(name.to_owned())
        })
        .await
    }
}
