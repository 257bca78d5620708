//! `images`.

use std::process::ExitCode;

use clap::Args;
use teu_api::image::ListOptions;

use crate::app::Cli;
use crate::commands::container::ls::FORMAT_HELP;
use crate::error::Error;
use crate::format::image::{self, TABLE, TABLE_DIGESTS};
use crate::format::row::{Format, Raw};
use crate::format::time;
use crate::opts::filter;
use crate::verb::{Arity, Spec, Verb};

const ID: (&str, &str) = ("image_id", "ID");
const RAW: Raw = Raw {
    id: ID,
    lines: &[("repository", "Repository"), ("tag", "Tag"), ID, ("created_at", "CreatedAt"), ("virtual_size", "Size")],
};
pub(crate) const RAW_DIGESTS: Raw = Raw {
    id: ID,
    lines: &[
        ("repository", "Repository"),
        ("tag", "Tag"),
        ("digest", "Digest"),
        ID,
        ("created_at", "CreatedAt"),
        ("virtual_size", "Size"),
    ],
};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show all images (default hides intermediate images)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = filter::parse)]
    filter: Vec<(String, String)>,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Don't truncate output
    #[arg(long)]
    no_trunc: bool,
    /// Only show image IDs
    #[arg(short, long)]
    quiet: bool,
    /// List multi-platform images as a tree (EXPERIMENTAL)
    #[arg(long)]
    tree: bool,
    reference: Vec<String>,
}

impl Verb for List {
    const SPEC: Spec = Spec {
        noun: "image",
        names: &["ls", "list"],
        top: "images",
        about: "List images",
        usage: "[OPTIONS] [REPOSITORY[:TAG]]",
        arguments: Arity::between(0, 1),
        examples: &[
            ("Images without a name", "images --filter dangling=true"),
            ("Names and sizes alone", "images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        if self.tree {
            return Err(Cli::unsupported("tree"));
        }
        let mut filters = filter::group(&self.filter);
        if let Some(reference) = self.reference.first() {
            filters.add("reference", reference.clone());
        }
        let format = match self.format.as_str() {
            "" if self.quiet => "{{.ID}}",
            "" if !cli.config().images_format.is_empty() => &cli.config().images_format,
            "" => "table",
            format => format,
        };
        let is_table = format == "table";
        let raw = if self.digests { &RAW_DIGESTS } else { &RAW };
        let format =
            Format::parse(&raw.template(format, self.quiet), if self.digests { TABLE_DIGESTS } else { TABLE })?;
        let digests = self.digests || (!is_table && format.uses("Digest"));
        let options = ListOptions { all: self.all, shared_size: false, filters };
        let images = cli.client()?.image_list(&options).await?;
        let now = time::now();
        let rows: Vec<image::Image> =
            images.iter().flat_map(|summary| image::rows(summary, digests, !self.no_trunc, now)).collect();
        cli.print(format.print(&rows)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
