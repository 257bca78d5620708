//! `network rm`.

use std::process::ExitCode;

use clap::Args;
use http::StatusCode;
use teu_api::client::Error as ClientError;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Do not error if the network does not exist
    #[arg(short, long)]
    force: bool,
    networks: Vec<String>,
}

impl Verb for Remove {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["rm", "remove"],
        top: "",
        about: "Remove one or more networks",
        usage: "[OPTIONS] NETWORK [NETWORK...]",
        arguments: Arity::at_least(1),
        examples: &[("One network, whether or not it is there", "network rm -f app")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        each(cli, &self.networks, async |client, name| match client.network_remove(name).await {
            // As with Docker, nothing is said of it.
            Err(ClientError::Api { status: StatusCode::NOT_FOUND, .. }) if self.force => Ok(String::new()),
            other => Ok(other.map(|()| name.to_owned())?),
        })
        .await
    }
}
