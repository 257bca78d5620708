//! `volume inspect`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::inspect::{FORMAT_HELP, VOLUME, show};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    volumes: Vec<String>,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "volume",
        names: &["inspect"],
        top: "",
        about: "Display detailed information on one or more volumes",
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        arguments: Arity::at_least(1),
        examples: &[("Where its files are", "volume inspect -f '{{.Mountpoint}}' data")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        show(cli, &self.volumes, &self.format, false, &[VOLUME]).await
    }
}
