//! `container inspect`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::inspect::{CONTAINER, FORMAT_HELP, show};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
    containers: Vec<String>,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["inspect"],
        top: "",
        about: "Display detailed information on one or more containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[("Why it ended", "container inspect -f '{{json .State}}' job")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        show(cli, &self.containers, &self.format, self.size, &[CONTAINER]).await
    }
}
