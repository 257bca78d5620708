//! `create`.

use std::process::ExitCode;

use clap::Args;

use super::creation::Creation;
use super::options::ContainerFlags;
use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    container: ContainerFlags,
    #[arg(trailing_var_arg = true)]
    args: Vec<String>,
}

impl Verb for Create {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["create"],
        top: "create",
        about: "Create a new container",
        usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        arguments: Arity::at_least(1),
        examples: &[("A container to be started later", "create --name job busybox sh -c 'date'")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let id = Creation::prepare(cli, self.container, &self.args, |_| ())?.create(cli).await.map_err(plainly)?;
        cli.say(id)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Unlike `run`, there is no process whose exit code ours could be taken for.
fn plainly(error: Error) -> Error {
    match error {
        Error::Start { message, .. } => Error::message(message),
        other => other,
    }
}
