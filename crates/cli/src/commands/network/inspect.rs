//! `network inspect`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::inspect::{FORMAT_HELP, NETWORK, show};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Verbose output for diagnostics
    #[arg(short, long)]
    verbose: bool,
    networks: Vec<String>,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["inspect"],
        top: "",
        about: "Display detailed information on one or more networks",
        usage: "[OPTIONS] NETWORK [NETWORK...]",
        arguments: Arity::at_least(1),
        examples: &[("Who is on the default network", "network inspect -f '{{json .Containers}}' bridge")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        // More there is to tell of networks of a cluster only.
        let _ = self.verbose;
        show(cli, &self.networks, &self.format, false, &[NETWORK]).await
    }
}
