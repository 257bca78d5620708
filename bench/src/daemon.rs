//! P12, P13 and upgrades: the engine with 100 containers.

use crate::Settings;
use crate::subject::{IMAGE, Subject, in_turns, plain, words};
use crate::table::{self, Row};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Instant;
use teu_testkit::upgrade::Installed;

const CONTAINERS: usize = 100;

fn fill(subject: &Subject) -> Result<Vec<String>> {
    let names: Vec<String> = (0..CONTAINERS).map(|number| format!("teu-bench-{number}")).collect();
    for name in &names {
        subject.run(&["run", "-d", "--name", name, IMAGE, "sleep", "3600"])?;
    }
    Ok(names)
}

/// `ps` as a whole process.
pub(crate) fn ps(settings: &Settings) -> Result<()> {
    let subjects = Subject::all(settings)?;
    let names = subjects.iter().map(fill).collect::<Result<Vec<_>>>()?;
    let floor = || plain(Path::new("/bin/true"), &[]);
    let rows = in_turns(settings.runs, &subjects, |_| words(&["ps"]), Some(("a process", &floor)));
    for (subject, names) in subjects.iter().zip(&names) {
        subject.remove(names)?;
    }
    table::print("P12: ps with 100 running containers", "ms", &rows?);
    Ok(())
}

/// From the start of a new daemon, after kill -9 of the old one, until `ps` has answered with all containers running.
pub(crate) fn restart(settings: &Settings) -> Result<()> {
    let mut subject = Subject::all(settings)?.into_iter().next().context("no engine")?;
    let names = fill(&subject)?;
    let mut row = Row::new("teu");
    for _ in 0..settings.runs.min(10) {
        let engine = subject.own().context("not our engine")?;
        engine.kill_daemon()?;
        let begin = Instant::now();
        engine.start_daemon()?;
        let running = subject.run(&["ps", "-q"])?.lines().count();
        row.time(begin.elapsed());
        anyhow::ensure!(running == CONTAINERS, "only {running} of {CONTAINERS} containers run after the restart");
    }
    subject.remove(&names)?;
    table::print("P13: restart of the daemon with 100 running containers, until ps answers", "ms", &[row]);
    Ok(())
}

/// The longest that a request waits while another version of the executable takes over.
pub(crate) fn upgrade(settings: &Settings) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let exe = Installed::new(folder.path().join("teu"), &settings.teu)?;
    let mut subject = Subject::start(exe.path())?;
    subject.load(&teu_testkit::image::busybox(IMAGE)?.docker_archive())?;
    let names = fill(&subject)?;
    let mut row = Row::new("teu");
    for turn in 0..settings.runs.min(10) {
        row.time(exe.take_over(subject.own().context("not our engine")?, &"-".repeat(turn + 1))?);
        let running = subject.run(&["ps", "-q"])?.lines().count();
        anyhow::ensure!(running == CONTAINERS, "only {running} of {CONTAINERS} containers run after an upgrade");
    }
    subject.remove(&names)?;
    table::print("Upgrade with 100 running containers: the longest answer to a ping meanwhile", "ms", &[row]);
    Ok(())
}
