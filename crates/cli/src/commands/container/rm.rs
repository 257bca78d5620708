//! `rm`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::RemoveOptions;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Force the removal of a running container (uses SIGKILL)
    #[arg(short, long)]
    force: bool,
    /// Remove the specified link
    #[arg(short, long)]
    link: bool,
    /// Remove anonymous volumes associated with the container
    #[arg(short, long)]
    volumes: bool,
    containers: Vec<String>,
}

impl Verb for Remove {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["rm", "remove"],
        top: "rm",
        about: "Remove one or more containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("Though it runs, with its anonymous volumes", "rm -fv web"),
            ("All that have ended", "rm $(teu ps -aq --filter status=exited)"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let options = RemoveOptions { volumes: self.volumes, force: self.force, link: self.link };
        each(cli, &self.containers, async |client, name| {
            let name = name.trim_matches('/');
            if name.is_empty() {
                return Err(Error::message("container name cannot be empty"));
            }
            match client.container_remove(name, &options).await {
                // What is not there need not be removed.
                Err(error) if self.force && error.is_not_found() => {
                    cli.warn(crate::error::engine_message(&error));
                    Ok(String::new())
                }
                result => Ok(result.map(|()| name.to_owned())?),
            }
        })
        .await
    }
}
