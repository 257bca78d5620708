//! `volume prune`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::prune;
use crate::error::Error;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const WARNING: &str = "WARNING! This will remove anonymous local volumes not used by at least one container.";
const WARNING_ALL: &str = "WARNING! This will remove all local volumes not used by at least one container.";

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Remove all unused volumes, not just anonymous ones
    #[arg(short, long)]
    all: bool,
    #[arg(long, value_name = "filter", value_parser = filter::parse, help = "Provide filter values (e.g. \"label=<label>\")")]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
}

impl Verb for Prune {
    const SPEC: Spec = Spec {
        noun: "volume",
        names: &["prune"],
        top: "",
        about: "Remove unused local volumes",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[(
            "Those with names, too, but not those that are labelled",
            "volume prune -a --filter 'label!=keep'",
        )],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let mut filters = prune::with_configured(cli, filter::group(&self.filter));
        if self.all {
            if filters.contains("all") {
                return Err(Error::message("conflicting options: cannot specify both --all and --filter all=1"));
            }
            filters.add("all", "true");
        }
        if prune::confirmed(self.force, if self.all { WARNING_ALL } else { WARNING })? {
            let pruned = prune::volumes(cli.client()?, &filters).await?;
            pruned.show()?;
            prune::show_total(cli, pruned.reclaimed())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
