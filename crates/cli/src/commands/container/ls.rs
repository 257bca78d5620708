//! `ps`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::ListOptions;

use crate::app::Cli;
use crate::error::Error;
use crate::format::container::{Container, TABLE};
use crate::format::row::{Format, FormatError, Raw};
use crate::format::time;
use crate::opts::{filter, number};
use crate::verb::{Arity, Spec, Verb};

/// Help of `--format` where there is a table.
pub(crate) const FORMAT_HELP: &str = "Format output using a custom template:\n\
    'table':            Print output in table format with column headers (default)\n\
    'table TEMPLATE':   Print output in table format using the given Go template\n\
    'json':             Print in JSON format\n\
    'TEMPLATE':         Print output using the given Go template.\n\
    Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates";

/// Lines of `--format raw`; the last one with `--size` only.
const LINES: [(&str, &str); 10] = [
    ("container_id", "ID"),
    ("image", "Image"),
    ("command", "Command"),
    ("created_at", "CreatedAt"),
    ("state", "State"),
    ("status", "Status"),
    ("names", "Names"),
    ("labels", "Labels"),
    ("ports", "Ports"),
    ("size", "Size"),
];
const RAW: Raw = Raw { id: LINES[0], lines: LINES.split_at(9).0 };
pub(crate) const RAW_SIZE: Raw = Raw { id: LINES[0], lines: &LINES };

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Show n last created containers (includes all states) (default -1)
    #[arg(short = 'n', long, value_name = "int", default_value = "-1", value_parser = number::int)]
    last: i64,
    /// Show the latest created container (includes all states)
    #[arg(short, long)]
    latest: bool,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only display container IDs
    #[arg(short, long)]
    quiet: bool,
    /// Display total file sizes
    #[arg(short, long)]
    size: bool,
}

/// Docker tries the template of `ps` once beforehand, and has other words for what is wrong with it.
fn in_own_words(error: FormatError) -> Error {
    Error::message(match error {
        FormatError::Parse(reason) => format!("failed to parse template: {reason}"),
        FormatError::Execute(reason) => format!("failed to execute template: {reason}"),
    })
}

impl Verb for List {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["ls", "list", "ps"],
        top: "ps",
        about: "List containers",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[
            ("Those that ended with an error", "ps -a --filter exited=1"),
            ("Names and states in columns", r"ps -a --format 'table {{.Names}}\t{{.Status}}'"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let (text, is_custom) = match self.format.as_str() {
            "" | "table" if self.quiet => ("{{.ID}}", false),
            "" if !cli.config().ps_format.is_empty() => (cli.config().ps_format.as_str(), true),
            "" => ("table", false),
            format => (format, !matches!(format, "json" | "table")),
        };
        let table = if self.size { format!("{TABLE}\\t{{{{.Size}}}}") } else { TABLE.to_owned() };
        let raw = if self.size { &RAW_SIZE } else { &RAW };
        let format = Format::parse(&raw.template(text, self.quiet), &table).map_err(in_own_words)?;
        let limit = if self.latest && self.last == -1 { 1 } else { self.last };
        let options = ListOptions {
            all: self.all,
            limit,
            // Sizes are not computed for nothing: only when the template shows them.
            size: self.size || (is_custom && format.uses("Size")),
            filters: filter::group(&self.filter),
        };
        let containers = cli.client()?.container_list(&options).await?;
        let now = time::now();
        let row = |summary| Container { summary, truncate: !self.no_trunc, now };
        let rows: Vec<Container> = containers.into_iter().map(row).collect();
        cli.print(format.print(&rows).map_err(in_own_words)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
