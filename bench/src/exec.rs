//! P4: a process more in a running container.

use crate::Settings;
use crate::subject::{IMAGE, Subject, in_turns, plain, words};
use crate::table;
use anyhow::Result;
use std::path::Path;

const CONTAINER: &str = "teu-bench-exec";

/// `exec CONTAINER true`.
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let subjects = Subject::all(settings)?;
    for subject in &subjects {
        subject.run(&["run", "-d", "--name", CONTAINER, IMAGE, "sleep", "3600"])?;
    }
    let arguments = |_: &Subject| words(&["exec", CONTAINER, "true"]);
    let floor = || plain(Path::new("/bin/true"), &[]);
    let rows = in_turns(settings.runs, &subjects, arguments, Some(("a process", &floor)));
    for subject in &subjects {
        subject.run(&["rm", "-f", CONTAINER])?;
    }
    table::print("P4: exec CONTAINER true", "ms", &rows?);
    Ok(())
}
