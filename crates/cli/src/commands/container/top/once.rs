//! The table once, where there is no terminal.

use std::process::ExitCode;

use futures_util::future::join_all;
use teu_api::container::{ListOptions, StatsOptions, Summary};

use super::feed::Update;
use super::model::{Container, Model};
use super::project::Line;
use crate::app::Cli;
use crate::error::Error;
use crate::format::tabwriter::{self, Layout};
use crate::format::units::{binary_size, human_size};

/// As the tables of `ps`.
const LAYOUT: Layout = Layout { min_width: 10, padding: 3 };

/// Prints it.
pub(super) async fn print(cli: &Cli) -> Result<ExitCode, Error> {
    let client = cli.client()?;
    let options = ListOptions { all: true, ..ListOptions::default() };
    let all = client.container_list(&options).await?;
    let running: Vec<&Summary> = all.iter().filter(|one| one.state == "running").collect();
    let samples = running.iter().map(|one| async move {
        let options = StatsOptions { stream: false, one_shot: false };
        let sample = client.container_stats(&one.id, options).await.ok()?.next().await.ok()??;
        Some(Update::Sample(one.id.clone(), Box::new(sample)))
    });
    let samples = join_all(samples).await;
    let mut model = Model::new();
    model.take(Update::All(all));
    // One that has ended meanwhile has none.
    samples.into_iter().flatten().for_each(|sample| model.take(sample));
    cli.print(tabwriter::align(&table(&model), LAYOUT))?;
    Ok(ExitCode::SUCCESS)
}

/// The table, its cells apart by tabs. What is moved is given in all: there is no rate in one sample.
fn table(model: &Model) -> String {
    let mut project = "-";
    let mut text = "PROJECT\tNAME\tSTATE\tHEALTH\tCPU %\tMEMORY\tNET IN/OUT\tBLOCK R/W\tPIDS\n".to_owned();
    let lines = model.table();
    for line in &lines {
        match line {
            Line::Project { name, .. } => project = if name.is_empty() { "-" } else { name },
            Line::Container(id) => text += &row(project, model.containers.get(id)),
        }
    }
    text
}

fn row(project: &str, container: Option<&Container>) -> String {
    let Some(container) = container else { return String::new() };
    let health = Some(container.health()).filter(|health| !health.is_empty()).unwrap_or("-");
    let (name, state) = (container.name(), container.state());
    let Some(used) = container.used else {
        return format!("{project}\t{name}\t{state}\t{health}\t-\t-\t-\t-\t-\n");
    };
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let [received, sent, read, written] = container.moved().map(|count| human_size(signed(count)));
    format!(
        "{project}\t{name}\t{state}\t{health}\t{:.2}\t{} / {}\t{received} / {sent}\t{read} / {written}\t{}\n",
        used.cpu,
        binary_size(signed(used.memory)),
        binary_size(signed(used.limit)),
        used.pids
    )
}
