//! `image inspect`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::inspect::{FORMAT_HELP, IMAGE, show};
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Inspect a specific platform of the multi-platform image
    #[arg(long, value_name = "string")]
    platform: Option<String>,
    images: Vec<String>,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["inspect"],
        top: "",
        about: "Display detailed information on one or more images",
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        arguments: Arity::at_least(1),
        examples: &[("What a container of it runs", "image inspect -f '{{.Config.Cmd}}' busybox")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.platform.is_some() {
            return Err(Cli::unsupported("platform"));
        }
        show(cli, &self.images, &self.format, false, &[IMAGE]).await
    }
}
