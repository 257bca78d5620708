//! Rules of the workspace that a reader relies on, checked on the source text.

mod imports;
mod sizes;
mod tests;
mod tree;

use std::process::ExitCode;

/// One broken rule: where, and what to do about it.
pub(crate) struct Finding {
    /// Path relative to the workspace, with a line where one is meant.
    place: String,
    /// The rule and the way out.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

/// Runs every check and prints what it finds.
pub(crate) fn run() -> ExitCode {
    let workspace = match tree::Workspace::read() {
        Ok(workspace) => workspace,
        Err(error) => {
            eprintln!("tidy: {error:#}");
            return ExitCode::from(2);
        }
    };
    let checks = [imports::check, imports::check_map, sizes::check, tests::check];
    let findings: Vec<Finding> = checks.iter().flat_map(|check| check(&workspace)).collect();
    for finding in &findings {
        eprintln!("{}: {}", finding.place, finding.message);
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files, no findings", workspace.sources.len());
        return ExitCode::SUCCESS;
    }
    eprintln!("tidy: {} findings", findings.len());
    ExitCode::FAILURE
}
