//! `start`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::WaitCondition;

use super::attach::attachment;
use super::run::{forwarding, until_exit};
use crate::app::Cli;
use crate::error::{Error, engine_message};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Start {
    /// Attach STDOUT/STDERR and forward signals
    #[arg(short, long)]
    attach: bool,
    /// Restore from this checkpoint
    #[arg(long, value_name = "string")]
    checkpoint: Option<String>,
    /// Use a custom checkpoint storage directory
    #[arg(long, value_name = "string")]
    checkpoint_dir: Option<String>,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "")]
    detach_keys: String,
    /// Attach container's STDIN
    #[arg(short, long)]
    interactive: bool,
    containers: Vec<String>,
}

impl Verb for Start {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["start"],
        top: "start",
        about: "Start one or more stopped containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[("Back to a shell that was left", "start -ai shell")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let experimental =
            [("checkpoint", self.checkpoint.is_some()), ("checkpoint-dir", self.checkpoint_dir.is_some())];
        let refused: Vec<_> =
            experimental.iter().filter(|(_, given)| *given).map(|(flag, _)| experimental_only(flag)).collect();
        if !refused.is_empty() {
            return Err(Error::message(refused.join("\n")));
        }
        if self.attach || self.interactive {
            return match &self.containers[..] {
                [name] => self.attached(cli, name).await,
                _ => Err(Error::message("you cannot start and attach multiple containers at once")),
            };
        }
        self.in_background(cli).await
    }
}

/// Docker's words for a flag that needs what only its experimental mode has.
fn experimental_only(flag: &str) -> String {
    format!("\"--{flag}\" is only supported on a Docker daemon with experimental features enabled")
}

impl Start {
    async fn in_background(&self, cli: &Cli) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let mut failed = Vec::new();
        for name in &self.containers {
            match client.container_start(name, "").await {
                Ok(_) => cli.say(name)?,
                Err(error) => {
                    cli.warn(engine_message(&error));
                    failed.push(name.as_str());
                }
            }
        }
        if failed.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Error::message(format!("Error: failed to start containers: {}", failed.join(", "))))
    }

    async fn attached(&self, cli: &Cli, name: &str) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let container = client.container_inspect(name).await?;
        let (streams, options) = attachment(cli, &container, self.interactive, &self.detach_keys)?;
        let id = container.id.as_str();
        let condition =
            if container.host_config.auto_remove { WaitCondition::Removed } else { WaitCondition::NextExit };
        let (stream, waiting) =
            tokio::join!(client.container_attach(id, &options), client.container_wait(id, condition));
        let (stream, waiting) = (stream?, waiting?);
        client.container_start(id, "").await?;
        let session = async {
            let code = until_exit(client, id, &streams, Some(stream), waiting).await?;
            Ok(code.unwrap_or(ExitCode::SUCCESS))
        };
        forwarding(client, id, !streams.tty, session).await
    }
}
