//! `volume ls`.

use std::process::ExitCode;

use clap::Args;

use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::error::Error;
use crate::format::row::{Format, Raw};
use crate::format::volume::{TABLE, VolumeRow};
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

pub(crate) const RAW: Raw = Raw { id: ("name", "Name"), lines: &[("name", "Name"), ("driver", "Driver")] };

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Provide filter values (e.g. "dangling=true")
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Only display volume names
    #[arg(short, long)]
    quiet: bool,
}

impl Verb for List {
    const SPEC: Spec = Spec {
        noun: "volume",
        names: &["ls", "list"],
        top: "",
        about: "List volumes",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Those that no container uses", "volume ls --filter dangling=true")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let format = match self.format.as_str() {
            "" if self.quiet => "{{.Name}}",
            "" if !cli.config().volumes_format.is_empty() => &cli.config().volumes_format,
            "" => "table",
            format => format,
        };
        let format = Format::parse(&RAW.template(format, self.quiet), TABLE)?;
        let mut volumes = cli.client()?.volume_list(&filter::group(&self.filter)).await?.volumes;
        volumes.sort_by(|a, b| crate::format::natural::compare(&a.name, &b.name));
        let rows: Vec<VolumeRow> = volumes.into_iter().map(VolumeRow).collect();
        cli.print(format.print(&rows)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
