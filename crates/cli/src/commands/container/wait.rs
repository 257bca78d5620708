//! `wait`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::WaitCondition;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Wait {
    containers: Vec<String>,
}

impl Verb for Wait {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["wait"],
        top: "wait",
        about: "Block until one or more containers stop, then print their exit codes",
        usage: "CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[("A job in the background, and its result", "wait $(teu run -d busybox sleep 5)")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        each(cli, &self.containers, async |client, name| {
            let answer = client.container_wait(name, WaitCondition::NotRunning).await?.exit().await?;
            match answer.error {
                Some(error) => Err(Error::message(error.message)),
                None => Ok(answer.status_code.to_string()),
            }
        })
        .await
    }
}
