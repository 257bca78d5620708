//! `volume create`.

use std::process::ExitCode;

use clap::Args;
use teu_api::volume::CreateRequest;

use crate::app::Cli;
use crate::error::Error;
use crate::opts::keyvalue;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Specify volume driver name (default "local")
    #[arg(short, long, value_name = "string", default_value = "local")]
    driver: String,
    /// Set metadata for a volume
    #[arg(long, value_name = "list")]
    label: Vec<String>,
    /// Set driver specific options
    #[arg(short, long, value_name = "map")]
    opt: Vec<String>,
    volume: Vec<String>,
}

impl Verb for Create {
    const SPEC: Spec = Spec {
        noun: "volume",
        names: &["create"],
        top: "",
        about: "Create a volume",
        usage: "[OPTIONS] [VOLUME]",
        arguments: Arity::between(0, 1),
        examples: &[("A volume, and a container that keeps its data there", "volume create data")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if !self.opt.is_empty() {
            return Err(Cli::unsupported("opt"));
        }
        let name = self.volume.into_iter().next().unwrap_or_default();
        let labels = (!self.label.is_empty()).then(|| keyvalue::map(&self.label));
        let request = CreateRequest { name, driver: self.driver, driver_opts: None, labels };
        cli.say(cli.client()?.volume_create(&request).await?.name)?;
        Ok(ExitCode::SUCCESS)
    }
}
