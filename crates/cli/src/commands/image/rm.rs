//! `rmi`.

use std::process::ExitCode;

use clap::Args;
use teu_api::image::RemoveOptions;

use crate::app::Cli;
use crate::commands::each::each;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Force removal of the image
    #[arg(short, long)]
    force: bool,
    /// Do not delete untagged parents
    #[arg(long)]
    no_prune: bool,
    /// Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")
    #[arg(long, value_name = "strings")]
    platform: Vec<String>,
    images: Vec<String>,
}

impl Verb for Remove {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["rm", "remove"],
        top: "rmi",
        about: "Remove one or more images",
        usage: "[OPTIONS] IMAGE [IMAGE...]",
        arguments: Arity::at_least(1),
        examples: &[("All images without a name", "rmi $(teu images -q --filter dangling=true)")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if !self.platform.is_empty() {
            return Err(Cli::unsupported("platform"));
        }
        let options = RemoveOptions { force: self.force, no_prune: self.no_prune };
        let result = each(cli, &self.images, async |client, name| {
            let removed = client.image_remove(name, options).await?;
            let line = |item: &teu_api::image::Removed| match item.deleted.as_str() {
                "" => format!("Untagged: {}", item.untagged),
                id => format!("Deleted: {id}"),
            };
            Ok(removed.iter().map(line).collect::<Vec<_>>().join("\n"))
        });
        match result.await {
            // What is not there need not be removed.
            Err(error) if self.force && all_missing(&error) => {
                cli.warn(error.to_string());
                Ok(ExitCode::SUCCESS)
            }
            result => result,
        }
    }
}

fn all_missing(error: &Error) -> bool {
    error.to_string().lines().all(|line| line.contains("No such image"))
}
