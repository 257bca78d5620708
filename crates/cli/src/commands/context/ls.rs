//! `context ls`.

use std::process::ExitCode;

use clap::Args;
use gotmpl::Value;

use super::{default, has_host, overridden, store};
use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::config::context::DEFAULT;
use crate::config::context::store::Meta;
use crate::error::Error;
use crate::format::container::ellipsis;
use crate::format::natural;
use crate::format::row::{Format, Row, text};
use crate::verb::{Arity, Spec, Verb};

const TABLE: &str = "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}";

/// Most characters of an error in a list.
const ERROR_WIDTH: usize = 45;

#[derive(Debug, Args)]
pub(crate) struct List {
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Only show context names
    #[arg(short, long)]
    quiet: bool,
}

/// A context in a list.
#[derive(Default)]
struct Context {
    name: String,
    description: String,
    host: String,
    current: bool,
    error: String,
}

impl Row for Context {
    const GO_TYPE: &'static str = "*formatter.clientContextContext";
    const FIELDS: &'static [(&'static str, &'static str)] = &[
        ("Current", ""),
        ("Description", "DESCRIPTION"),
        ("DockerEndpoint", "DOCKER ENDPOINT"),
        ("Error", "ERROR"),
        ("Name", "NAME"),
    ];

    fn field(&self, name: &str) -> Value {
        text(match name {
            "Current" => return Value::Bool(self.current),
            "Description" => self.description.clone(),
            "DockerEndpoint" => self.host.clone(),
            "Error" => ellipsis(&self.error, ERROR_WIDTH),
            "Name" => self.name.clone(),
            _ => return Value::Nil,
        })
    }
}

impl Verb for List {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["ls", "list"],
        top: "",
        about: "List contexts",
        usage: "[OPTIONS]",
        arguments: Arity::NONE,
        examples: &[("Names and addresses", "context ls --format '{{.Name}} {{.DockerEndpoint}}'")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let format = match self.format.as_str() {
            "" if self.quiet => "{{.Name}}",
            "" => "table",
            format => format,
        };
        let format = Format::parse(format, TABLE)?;
        let current = cli.context_name();
        let row = |meta: Meta| Context {
            current: meta.name == current,
            description: meta.description().to_owned(),
            host: meta.host().unwrap_or_default().to_owned(),
            name: meta.name,
            error: String::new(),
        };
        let store = store(cli);
        let mut rows: Vec<Context> = store.list()?.into_iter().map(row).collect();
        let mut own = row(default(cli));
        "Current DOCKER_HOST based configuration".clone_into(&mut own.description);
        rows.push(own);
        if !rows.iter().any(|row| row.current) {
            let error = store.get(&current).err().map(|error| error.to_string()).unwrap_or_default();
            rows.push(Context { name: current.clone(), current: true, error, ..Context::default() });
        }
        rows.sort_by(|a, b| natural::compare(&a.name, &b.name));
        cli.print(format.print(&rows)?)?;
        if current == DEFAULT && has_host() && !self.quiet && cli.globals.context.is_none() {
            cli.warn(overridden("a context"));
        }
        Ok(ExitCode::SUCCESS)
    }
}
