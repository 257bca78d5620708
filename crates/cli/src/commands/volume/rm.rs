//! `volume rm`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Force the removal of one or more volumes
    #[arg(short, long)]
    force: bool,
    volumes: Vec<String>,
}

impl Verb for Remove {
    const SPEC: Spec = Spec {
        noun: "volume",
        names: &["rm", "remove"],
        top: "",
        about: "Remove one or more volumes",
        usage: "[OPTIONS] VOLUME [VOLUME...]",
        arguments: Arity::at_least(1),
        examples: &[("Those that no container uses", "volume rm $(teu volume ls -q -f dangling=true)")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        each(cli, &self.volumes, async |client, name| {
            client.volume_remove(name, self.force).await?;
            Ok(name.to_owned())
        })
        .await
    }
}
