//! `rename`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Rename {
    names: Vec<String>,
}

impl Verb for Rename {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["rename"],
        top: "rename",
        about: "Rename a container",
        usage: "CONTAINER NEW_NAME",
        arguments: Arity::exactly(2),
        examples: &[],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let names: Vec<&str> = self.names.iter().map(|name| name.trim()).collect();
        let [old, new] = names[..] else { return Ok(ExitCode::FAILURE) };
        if old.is_empty() || new.is_empty() {
            return Err(Error::message("Error: Neither old nor new names may be empty"));
        }
        if let Err(error) = cli.client()?.container_rename(old, new).await {
            cli.warn(crate::error::engine_message(&error));
            return Err(Error::message(format!("Error: failed to rename container named {old}")));
        }
        Ok(ExitCode::SUCCESS)
    }
}
