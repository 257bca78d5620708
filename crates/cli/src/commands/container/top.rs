//! `top`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::error::Error;
use crate::format::tabwriter::{self, Layout};
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
        about: "Display the running processes of a container",
        usage: "CONTAINER [ps OPTIONS]",
        arguments: Arity::at_least(1),
        examples: &[("Who uses the processor", "top web -o pid,pcpu,comm")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let Some((name, options)) = self.args.split_first() else { return Ok(ExitCode::FAILURE) };
        let processes = cli.client()?.container_top(name, &options.join(" ")).await?;
        let lines = std::iter::once(&processes.titles).chain(&processes.processes);
        let text: String = lines.map(|cells| format!("{}\n", cells.join("\t"))).collect();
        cli.print(tabwriter::align(&text, LAYOUT))?;
        Ok(ExitCode::SUCCESS)
    }
}
