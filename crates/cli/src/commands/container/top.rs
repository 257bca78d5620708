//! `top`: the processes of a container; without one, a live screen of all containers.
//!
//! - [`screen`]: the loop between engine, keys and terminal;
//! - [`feed`]: what the engine tells, as it comes: events for the list, streams of samples, the log that is looked at;
//! - [`model`], [`project`]: what there is and what of it is to be seen, without engine and terminal;
//! - [`view`]: draws the model; [`once`]: prints it where there is no terminal;
//! - [`keys`], [`input`], [`action`]: what is typed, what it means, what it does to containers;
//! - [`tty`]: the terminal, and that it is put back as it was.

mod action;
mod feed;
mod input;
mod keys;
mod model;
mod once;
mod project;
mod screen;
#[cfg(test)]
mod tests;
mod tty;
mod view;

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::error::Error;
use crate::format::tabwriter::{self, Layout};
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};

/// Docker's columns are wide here.
const LAYOUT: Layout = Layout { min_width: 20, padding: 3 };

#[derive(Debug, Args)]
pub(crate) struct Top {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

impl Verb for Top {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["top"],
        top: "top",
        about: "Display the running processes of a container, or all containers live",
        usage: "[CONTAINER [ps OPTIONS]]",
        arguments: Arity::at_least(0),
        examples: &[
            ("All containers by project, live, with keys to stop, restart, enter them", "top"),
            ("Who uses the processor in one", "top web -o pid,pcpu,comm"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let Some((name, options)) = self.args.split_first() else {
            let is_seen = terminal::is_stdin() && terminal::is_stdout();
            return if is_seen { screen::run(cli).await } else { once::print(cli).await };
        };
        let processes = cli.client()?.container_top(name, &options.join(" ")).await?;
        let lines = std::iter::once(&processes.titles).chain(&processes.processes);
        let text: String = lines.map(|cells| format!("{}\n", cells.join("\t"))).collect();
        cli.print(tabwriter::align(&text, LAYOUT))?;
        Ok(ExitCode::SUCCESS)
    }
}
