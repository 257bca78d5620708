//! `pause`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Pause {
    containers: Vec<String>,
}

impl Verb for Pause {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["pause"],
        top: "pause",
        about: "Pause all processes within one or more containers",
        usage: "CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        each(cli, &self.containers, async |client, name| {
            client.container_pause(name).await?;
            Ok(name.to_owned())
        })
        .await
    }
}
