use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use teu_oci::runtime::State;

use super::arguments::{Global, Id};
use super::print_json;
use crate::container::Store;

/// The specification's state, with what runc adds to it and engines read.
#[derive(Debug, Serialize)]
struct Output {
    #[serde(flatten)]
    state: State,
    rootfs: std::path::PathBuf,
    created: String,
    owner: String,
}

/// `state`
pub(super) fn run(global: &Global, args: &Id) -> Result<ExitCode> {
    let container = Store::new(&global.root).open(&args.id)?;
    let record = &container.record;
    print_json(&Output {
        state: record.state(container.status()),
        rootfs: record.rootfs.clone(),
        created: record.created.clone(),
        owner: String::new(),
    })?;
    Ok(ExitCode::SUCCESS)
}
