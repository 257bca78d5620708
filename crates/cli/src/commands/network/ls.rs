//! `network ls`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::error::Error;
use crate::format::network::{NetworkRow, TABLE};
use crate::format::row::{Format, Raw};
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const RAW: Raw = Raw {
    id: ("network_id", "ID"),
    lines: &[("network_id", "ID"), ("name", "Name"), ("driver", "Driver"), ("scope", "Scope")],
};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Provide filter values (e.g. "driver=bridge")
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Do not truncate the output
    #[arg(long)]
    no_trunc: bool,
    /// Only display network IDs
    #[arg(short, long)]
    quiet: bool,
}

impl Verb for List {
    const SPEC: Spec = Spec {
        noun: "network",
        names: &["ls", "list"],
        top: "",
        about: "List networks",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Networks of one driver", "network ls --filter driver=bridge")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let format = match self.format.as_str() {
            "" if self.quiet => "{{.ID}}",
            "" if !cli.config().networks_format.is_empty() => &cli.config().networks_format,
            "" => "table",
            format => format,
        };
        let format = Format::parse(&RAW.template(format, self.quiet), TABLE)?;
        let mut networks = cli.client()?.network_list(&filter::group(&self.filter)).await?;
        networks.sort_by(|a, b| crate::format::natural::compare(&a.name, &b.name));
        let rows: Vec<NetworkRow> =
            networks.into_iter().map(|network| NetworkRow { network, truncate: !self.no_trunc }).collect();
        cli.print(format.print(&rows)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
