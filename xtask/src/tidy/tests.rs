//! Tests that would silently never run.

use super::Finding;
use super::tree::{Source, Workspace};
use std::path::{Path, PathBuf};

/// Integration test files must be modules of their crate's one test binary, and no test may be ignored.
pub(crate) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace
        .sources
        .iter()
        .flat_map(|source| forgotten(workspace, source).into_iter().chain(ignored(source)))
        .collect()
}

fn forgotten(workspace: &Workspace, source: &Source) -> Option<Finding> {
    let parts: Vec<_> = source.path.iter().map(|part| part.to_string_lossy()).collect();
    let [_, name, folder, rest @ ..] = parts.as_slice() else { return None };
    if folder != "tests" {
        return None;
    }
    let place = source.path.display().to_string();
    match rest {
        [it, main] if it == "it" && main == "main.rs" => None,
        [it, file] if it == "it" => {
            let main: PathBuf = Path::new("crates").join(name.as_ref()).join("tests/it/main.rs");
            let module = format!("mod {};", file.trim_end_matches(".rs"));
            let named = workspace.sources.iter().any(|other| other.path == main && other.text.contains(&module));
            (!named).then(|| Finding::new(place, format!("not run: tests/it/main.rs has no `{module}`")))
        }
        [_] => Some(Finding::new(place, "integration tests go to tests/it/, one binary per crate")),
        _ => None,
    }
}

fn ignored(source: &Source) -> Vec<Finding> {
    // Written in two parts so that this file does not find itself.
    let attribute = concat!("#[", "ignore");
    let lines = source.text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with(attribute));
    lines
        .map(|(at, _)| {
            let place = format!("{}:{}", source.path.display(), at + 1);
            Finding::new(place, "an ignored test never runs: mend it or remove it")
        })
        .collect()
}
