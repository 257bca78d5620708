//! `stats`.

mod board;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use teu_api::client::Client;
use teu_api::container::{ListOptions, StatsOptions};
use teu_api::filters::Filters;
use tokio::time::MissedTickBehavior;

use super::ls::FORMAT_HELP;
use crate::app::Cli;
use crate::error::Error;
use crate::format::row::Format;
use crate::format::stats::{TABLE, Usage};
use crate::terminal;
use crate::verb::{Arity, Spec, Verb};
use board::Board;

/// Time between two pictures on a terminal.
const REDRAW: Duration = Duration::from_millis(500);
/// How long the first picture waits for the first samples.
const FIRST: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Show all containers (default shows just running)
    #[arg(short, long)]
    all: bool,
    #[arg(long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    /// Disable streaming stats and only pull the first result
    #[arg(long)]
    no_stream: bool,
    /// Do not truncate output
    #[arg(long)]
    no_trunc: bool,
    containers: Vec<String>,
}

impl Verb for Stats {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["stats"],
        top: "stats",
        about: "Display a live stream of container(s) resource usage statistics",
        usage: "[OPTIONS] [CONTAINER...]",
        arguments: Arity::at_least(0),
        examples: &[
            ("Once, for a script", "stats --no-stream --format '{{.Name}} {{.MemUsage}}'"),
            ("Two containers, until interrupted", "stats web db"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let text = match self.format.as_str() {
            "" if !cli.config().stats_format.is_empty() => cli.config().stats_format.as_str(),
            "" => "table",
            format => format,
        };
        let format = Format::parse(text, TABLE)?;
        if self.no_stream { self.once(cli, &format).await } else { self.live(cli, &format).await }
    }
}

impl Stats {
    async fn once(&self, cli: &Cli, format: &Format) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let names = if self.containers.is_empty() { listed(client, self.all).await? } else { self.containers.clone() };
        let samples = join_all(names.iter().map(|name| sample(client, name))).await;
        let (mut rows, mut failures) = (Vec::new(), Vec::new());
        for (container, sample) in names.into_iter().zip(samples) {
            match sample {
                Ok(stats) => rows.push(Usage { container, stats, truncate: !self.no_trunc }),
                // Without names, one that is gone meanwhile is not missed.
                Err(_) if self.containers.is_empty() => {}
                Err(error) => failures.push(error.to_string()),
            }
        }
        if !rows.is_empty() || self.containers.is_empty() {
            cli.print(format.print(&rows)?)?;
        }
        if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Error::message(failures.join("\n"))) }
    }

    async fn live(&self, cli: &Cli, format: &Format) -> Result<ExitCode, Error> {
        let client = cli.client()?;
        let board = Board::default();
        let watched = !self.containers.is_empty();
        // From here on a container that starts is not missed.
        let events = if watched { None } else { Some(watch::open(client).await?) };
        let names = if watched { self.containers.clone() } else { listed(client, self.all).await? };
        let pending: Vec<_> = names.iter().filter_map(|name| board.follow(client, name)).collect();
        if let Some(events) = events {
            tokio::spawn(watch::run(events, client.clone(), board.clone(), self.all));
        }
        // Not longer: one that does not answer is shown without values.
        let _ = tokio::time::timeout(FIRST, join_all(pending)).await;
        let screen = terminal::is_stdout();
        if screen {
            cli.print("\x1b[2J")?;
        }
        let mut ticks = tokio::time::interval(REDRAW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if watched && let Some(failures) = board.all_failed() {
                return Err(Error::message(failures));
            }
            let text = format.print(&board.rows(!self.no_trunc))?;
            cli.print(if screen { picture(&text) } else { text })?;
        }
    }
}

/// Names of the containers there are, as the table shows them.
async fn listed(client: &Client, all: bool) -> Result<Vec<String>, Error> {
    let options = ListOptions { all, limit: 0, size: false, filters: Filters::default() };
    let list = client.container_list(&options).await?;
    Ok(list.into_iter().map(|summary| summary.id).collect())
}

async fn sample(client: &Client, name: &str) -> Result<Option<teu_api::container::Stats>, Error> {
    let options = StatsOptions { stream: false, one_shot: false };
    Ok(client.container_stats(name, options).await?.next().await?)
}

/// Text drawn over what was there before, without flicker.
fn picture(text: &str) -> String {
    format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"))
}
