//! `context show`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Show {}

impl Verb for Show {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["show"],
        top: "",
        about: "Print the name of the current context",
        usage: "",
        arguments: Arity::NONE,
        examples: &[("In a prompt", "context show")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        cli.say(cli.context_name())?;
        Ok(ExitCode::SUCCESS)
    }
}
