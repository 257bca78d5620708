//! `network disconnect`.

use std::process::ExitCode;

use clap::Args;
use teu_api::network::DisconnectRequest;

use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// Force the container to disconnect from a network
    #[arg(short, long)]
    force: bool,
    names: Vec<String>,
}

impl Verb for Disconnect {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["disconnect"],
        top: "",
        about: "Disconnect a container from a network",
        usage: "[OPTIONS] NETWORK CONTAINER",
        arguments: Arity::exactly(2),
        examples: &[("A container that goes on running", "network disconnect app postgres")],
    };

    async fn run(mut self, cli: &Cli) -> Result<ExitCode, Error> {
        let container = self.names.pop().unwrap_or_default();
        let network = self.names.pop().unwrap_or_default();
        let request = DisconnectRequest { container, force: self.force };
        cli.client()?.network_disconnect(&network, &request).await?;
        Ok(ExitCode::SUCCESS)
    }
}
