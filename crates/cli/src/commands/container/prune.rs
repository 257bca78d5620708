//! `container prune`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::prune;
use crate::error::Error;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const WARNING: &str = "WARNING! This will remove all stopped containers.";

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
        noun: "container",
        names: &["prune"],
        top: "",
        about: "Remove all stopped containers",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Those made more than a day ago, without a question", "container prune -f --filter until=24h")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let filters = prune::with_configured(cli, filter::group(&self.filter));
        if prune::confirmed(self.force, WARNING)? {
            let pruned = prune::containers(cli.client()?, &filters).await?;
            pruned.show()?;
            prune::show_total(cli, pruned.reclaimed())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
