//! P1 and P2: a container from prompt to prompt.

use crate::Settings;
use crate::subject::{IMAGE, Subject, in_turns, plain, words};
use crate::table;
use anyhow::Result;
use std::path::Path;

/// Which network the container has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Bridge,
    None,
}

/// `run --rm IMAGE true`.
pub(crate) fn run(settings: &Settings, network: Network) -> Result<()> {
    let subjects = Subject::all(settings)?;
    let arguments = |_: &Subject| match network {
        Network::Bridge => words(&["run", "--rm", IMAGE, "true"]),
        Network::None => words(&["run", "--rm", "--network", "none", IMAGE, "true"]),
    };
    let flags = ["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "/bin/true"];
    let floor = || plain(Path::new("/usr/bin/unshare"), &flags);
    let rows = in_turns(settings.runs, &subjects, arguments, Some(("unshare of the same namespaces", &floor)))?;
    let title = match network {
        Network::Bridge => "P1: run --rm busybox true, default network",
        Network::None => "P2: run --rm --network none busybox true",
    };
    table::print(title, "ms", &rows);
    Ok(())
}
