//! `diff`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::{Change, ChangeKind};

use crate::app::Cli;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    container: Vec<String>,
}

impl Verb for Diff {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["diff"],
        top: "diff",
        about: "Inspect changes to files or directories on a container's filesystem",
        usage: "CONTAINER",
        arguments: Arity::exactly(1),
        examples: &[],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let changes = cli.client()?.container_changes(&self.container[0]).await?.unwrap_or_default();
        let line = |change: &Change| format!("{} {}\n", letter(change.kind), change.path);
        cli.print(changes.iter().map(line).collect::<String>())?;
        Ok(ExitCode::SUCCESS)
    }
}

fn letter(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Modified => 'C',
        ChangeKind::Added => 'A',
        ChangeKind::Deleted => 'D',
    }
}
