//! `commit`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::CommitOptions;

use crate::app::Cli;
use crate::commands::image::import::split;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Commit {
    /// Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")
    #[arg(short, long, value_name = "string", default_value = "")]
    author: String,
    /// Apply Dockerfile instruction to the created image
    #[arg(short, long, value_name = "list")]
    change: Vec<String>,
    /// Commit message
    #[arg(short, long, value_name = "string", default_value = "")]
    message: String,
    /// Pause container during commit (default true)
    #[arg(short, long, default_value = "true")]
    pause: bool,
    args: Vec<String>,
}

impl Verb for Commit {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["commit"],
        top: "commit",
        about: "Create a new image from a container's changes",
        usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
        arguments: Arity::between(1, 2),
        examples: &[("What was tried by hand, with another command", "commit -c 'CMD [\"httpd\"]' web web:tried")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let (repo, tag) = match self.args.get(1) {
            None => (String::new(), String::new()),
            Some(name) => split(name)?,
        };
        let options = CommitOptions {
            container: self.args[0].clone(),
            repo,
            tag,
            comment: self.message,
            author: self.author,
            pause: self.pause,
            changes: self.change,
        };
        cli.say(cli.client()?.container_commit(&options).await?.id)?;
        Ok(ExitCode::SUCCESS)
    }
}
