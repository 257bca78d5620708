//! `image prune`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::prune;
use crate::error::Error;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const WARNING: &str = "WARNING! This will remove all dangling images.";
const WARNING_ALL: &str = "WARNING! This will remove all images without at least one container associated to them.";

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Remove all unused images, not just dangling ones
    #[arg(short, long)]
    all: bool,
    #[arg(long, value_name = "filter", value_parser = filter::parse, help = "Provide filter values (e.g. \"until=<timestamp>\")")]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Verb for Prune {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["prune"],
        top: "",
        about: "Remove unused images",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("All that no container uses and are older than ten days", "image prune -a --filter until=240h")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let filters = prune::with_configured(cli, filter::group(&self.filter));
        if prune::confirmed(self.force, if self.all { WARNING_ALL } else { WARNING })? {
            let pruned = prune::images(cli.client()?, filters, self.all).await?;
            pruned.show()?;
            prune::show_total(cli, pruned.reclaimed())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
