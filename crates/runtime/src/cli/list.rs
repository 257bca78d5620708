use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use teu_oci::runtime::State;

use super::arguments::{Global, List, TableFormat};
use super::{print, print_json};
use crate::container::Store;

/// One container.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    state: State,
    rootfs: PathBuf,
    created: String,
    owner: String,
}

/// `list`
pub(super) fn run(global: &Global, args: &List) -> Result<ExitCode> {
    let containers = Store::new(&global.root).list()?;
    let rows: Vec<Row> = containers
        .iter()
        .map(|c| Row {
            state: c.record.state(c.status()),
            rootfs: c.record.rootfs.clone(),
            created: c.record.created.clone(),
            owner: "root".into(),
        })
        .collect();
    match (args.quiet, args.format) {
        (true, _) => rows.iter().try_for_each(|r| print(&r.state.id))?,
        (false, TableFormat::Json) => print_json(&rows)?,
        (false, TableFormat::Table) => print(&table(&rows))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[Row]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let cells: Vec<[String; 6]> = std::iter::once(header)
        .chain(rows.iter().map(|r| {
            [
                r.state.id.clone(),
                r.state.pid.to_string(),
                r.state.status.to_string(),
                r.state.bundle.display().to_string(),
                r.created.clone(),
                r.owner.clone(),
            ]
        }))
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let padded: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("   ").trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use teu_oci::runtime::Status;

    #[test]
    fn columns_are_aligned() {
        let state = State {
            oci_version: "1.0.0".into(),
            id: "a-long-container-id".into(),
            status: Status::Running,
            pid: 42,
            bundle: "/b".into(),
            annotations: Default::default(),
        };
        let row = Row { state, rootfs: "/r".into(), created: "now".into(), owner: "root".into() };
        let text = table(&[row]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("PID"), lines[1].find("42"));
        assert!(lines[0].starts_with("ID "));
    }
}
