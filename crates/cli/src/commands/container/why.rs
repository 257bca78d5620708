//! `why`: what ended a container, or keeps it from starting or being well, in plain sentences.
//!
//! All of it comes through the Engine API, so that it works with other engines, too; those that keep fewer events and
//! details leave more open. [`facts`] asks, [`story`] reads the events, [`diagnosis`] judges, [`words`] knows what
//! signals, codes and messages mean.

mod diagnosis;
mod ending;
mod facts;
mod report;
mod running;
mod starting;
mod story;
#[cfg(test)]
mod tests;
mod words;

use std::process::ExitCode;

use clap::Args;
use teu_api::client::Client;

use crate::app::Cli;
use crate::error::Error;
use crate::help;
use crate::verb::{Arity, Spec, Verb};

/// Last lines of the log unless said otherwise.
const LINES: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Format output: "json", or nothing for sentences
    #[arg(long, value_name = "string", default_value = "")]
    format: String,
    /// Number of last lines of the log to show
    #[arg(short = 'n', long, value_name = "int", default_value = "10")]
    tail: usize,
    container: Vec<String>,
}

/// The sentences about a container, with so many last lines as fit beside them.
pub(super) async fn explain(client: &Client, id: &str, program: &str, width: usize) -> Result<String, Error> {
    let facts = facts::gather(client, id, LINES).await?;
    Ok(diagnosis::of(&facts, program).sentences(width))
}

impl Verb for Why {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["why"],
        top: "why",
        about: "Explain what ended a container, or what is wrong with it",
        usage: "[OPTIONS] CONTAINER",
        arguments: Arity::exactly(1),
        examples: &[
            ("Why is it gone?", "why web"),
            ("The most likely cause, for a script", "why --format json web | jq -r '.Causes[0].Kind'"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if !matches!(self.format.as_str(), "" | "json") {
            return Err(Error::message(format!("unknown format {:?}: json, or none for sentences", self.format)));
        }
        let facts = facts::gather(cli.client()?, &self.container[0], self.tail).await?;
        let report = diagnosis::of(&facts, cli.program);
        if self.format == "json" {
            let text = serde_json::to_string_pretty(&report).map_err(|error| Error::message(error.to_string()))?;
            cli.say(text)?;
        } else {
            cli.print(report.sentences(help::width()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
