//! `system prune`.

use std::process::ExitCode;

use clap::Args;
use teu_api::filters::Filters;

use crate::app::Cli;
use crate::commands::prune;
use crate::error::Error;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Remove all unused images not just dangling ones
    #[arg(short, long)]
    all: bool,
    #[arg(long, value_name = "filter", value_parser = filter::parse, help = "Provide filter values (e.g. \"label=<key>=<value>\")")]
    filter: Vec<(String, String)>,
    /// Do not prompt for confirmation
    #[arg(short, long)]
    force: bool,
    /// Prune anonymous volumes
    #[arg(long)]
    volumes: bool,
}

impl Verb for Prune {
    const SPEC: Spec = Spec {
        noun: "system",
        names: &["prune"],
        top: "",
        about: "Remove unused data",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Everything that nothing uses, without a question", "system prune -af --volumes")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let given = filter::group(&self.filter);
        if self.volumes && given.contains("until") {
            return Err(Error::message("ERROR: The \"until\" filter is not supported with \"--volumes\""));
        }
        let filters = prune::with_configured(cli, given);
        if !prune::confirmed(self.force, &self.warning(&filters))? {
            return Ok(ExitCode::SUCCESS);
        }
        let client = cli.client()?;
        let mut reclaimed = 0;
        let mut done = |pruned: prune::Pruned| {
            reclaimed += pruned.reclaimed();
            pruned.show()
        };
        done(prune::containers(client, &filters).await?)?;
        done(prune::networks(client, &filters).await?)?;
        if self.volumes {
            done(prune::volumes(client, &filters).await?)?;
        }
        done(prune::images(client, filters.clone(), self.all).await?)?;
        done(prune::build_cache(client, &filters, self.all).await?)?;
        prune::show_total(cli, reclaimed)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Prune {
    fn warning(&self, filters: &Filters) -> String {
        let mut lines = vec!["all stopped containers", "all networks not used by at least one container"];
        if self.volumes {
            lines.push("all anonymous volumes not used by at least one container");
        }
        lines.extend(if self.all {
            ["all images without at least one container associated to them", "all build cache"]
        } else {
            ["all dangling images", "unused build cache"]
        });
        let list = |lines: Vec<String>| lines.iter().map(|line| format!("\n  - {line}")).collect::<String>();
        let mut text = format!("WARNING! This will remove:{}\n", list(lines.into_iter().map(str::to_owned).collect()));
        let filters: Vec<String> = filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !filters.is_empty() {
            text.push_str(&format!("\n  Items to be pruned will be filtered with:{}\n", list(filters)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warning_says_what_will_go() {
        let prune = |all, volumes| Prune { all, filter: Vec::new(), force: false, volumes };
        assert_eq!(
            prune(false, false).warning(&Filters::new()),
            "WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  \
             - all dangling images\n  - unused build cache\n"
        );
        let mut filters = Filters::new();
        filters.add("label", "a=b");
        let text = prune(true, true).warning(&filters);
        assert!(text.contains("  - all anonymous volumes not used by at least one container\n  - all images without"));
        assert!(
            text.ends_with("all build cache\n\n  Items to be pruned will be filtered with:\n  - label=a=b\n"),
            "{text}"
        );
    }
}
