//! `network prune`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::prune;
use crate::error::Error;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const WARNING: &str = "WARNING! This will remove all custom networks not used by at least one container.";

#[derive(Debug, Args)]
pub(crate) struct Prune {
    #[arg(long, value_name = "filter", value_parser = filter::parse, help = "Provide filter values (e.g. \"until=<timestamp>\")")]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Verb for Prune {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["prune"],
        top: "",
        about: "Remove all unused networks",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Without a question", "network prune -f")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let filters = prune::with_configured(cli, filter::group(&self.filter));
        if prune::confirmed(self.force, WARNING)? {
            prune::networks(cli.client()?, &filters).await?.show()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
