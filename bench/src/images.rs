//! P7 and P8: a large image comes and goes.

use crate::Settings;
use crate::registry::{self, Server};
use crate::subject::Subject;
use crate::table::{self, Row};
use anyhow::{Context as _, Result};
use std::process::Command;

/// Pull, in turns with removal.
pub(crate) fn pull(settings: &Settings) -> Result<()> {
    let (pulls, _) = measure(settings, settings.runs.min(5))?;
    table::print("P7: pull of 2 gzip layers, 362 MB unpacked, from a registry on loopback", "ms", &pulls);
    Ok(())
}

/// Removal, in turns with pull.
pub(crate) fn remove(settings: &Settings) -> Result<()> {
    let (_, removals) = measure(settings, settings.runs.min(5))?;
    table::print("P8: removal of the image of P7", "ms", &removals);
    Ok(())
}

fn measure(settings: &Settings, runs: usize) -> Result<(Vec<Row>, Vec<Row>)> {
    let folder = std::env::current_exe()?.with_file_name("bench-image");
    registry::prepare(&folder)?;
    let subjects = Subject::all(settings)?;
    let this = std::env::current_exe()?;
    let mut pulls: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    let mut removals: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    let servers = subjects
        .iter()
        .map(|subject| match subject {
            Subject::Own(engine) => Server::start(engine.host.command(&this), &folder),
            Subject::Peer(_) => Server::start(Command::new(&this), &folder),
        })
        .collect::<Result<Vec<_>>>()?;
    for _ in 0..runs {
        for (at, subject) in subjects.iter().enumerate() {
            let reference = servers[at].reference.as_str();
            let insecure: &[&str] = if subject.name() == "podman" { &["--tls-verify=false"] } else { &[] };
            let pull = [&["pull"], insecure, &[reference]].concat();
            pulls[at].time(subject.time(&pull).context("is the registry's loopback address reachable?")?);
            removals[at].time(subject.time(&["rmi", reference])?);
        }
    }
    Ok((pulls, removals))
}
