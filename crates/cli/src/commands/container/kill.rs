//! `kill`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Signal to send to the container
    #[arg(short, long, value_name = "string", default_value = "")]
    signal: String,
    containers: Vec<String>,
}

impl Verb for Kill {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["kill"],
        top: "kill",
        about: "Kill one or more running containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[("Have a server read its configuration again", "kill -s HUP web")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        each(cli, &self.containers, async |client, name| {
            client.container_kill(name, &self.signal).await?;
            Ok(name.to_owned())
        })
        .await
    }
}
