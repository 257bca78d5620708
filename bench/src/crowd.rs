//! The next container beside 10 running ones, and beside 1,000.

use crate::subject::{IMAGE, Subject};
use crate::table::{self, Row};
use crate::{Settings, rest};
use anyhow::{Context as _, Result, ensure};

/// So few that they do not matter.
const FEW: usize = 10;
/// How many are started and removed at once while the machine is filled.
const AT_ONCE: usize = 4;
/// How many a command line removes.
const BATCH: usize = 50;

/// `run -d` and `start` with few and with `many` containers running, without a network and on the default one.
pub(crate) fn run(settings: &Settings, many: usize, busy: bool) -> Result<()> {
    for network in ["none", "bridge"] {
        let subject = Subject::all(settings)?.into_iter().next().context("no engine")?;
        let mut rows = Vec::new();
        for count in [FEW, many.max(FEW)] {
            fill(&subject, network, count)?;
            let shown = subject.run(&["ps", "-q"])?.lines().count();
            ensure!(shown == count, "{shown} of {count} containers run");
            let [run, start] = measure(settings.runs, &subject, network, busy)?;
            rows.push([(run, format!("run -d, {count} running")), (start, format!("start, {count} running"))]);
        }
        let names: Vec<String> = (0..many.max(FEW)).map(name).collect();
        empty(&subject, &names)?;
        for which in 0..2 {
            let of = |pair: &[(Vec<std::time::Duration>, String); 2]| {
                let (samples, name) = &pair[which];
                let mut row = Row::new(name.clone());
                samples.iter().for_each(|sample| row.time(*sample));
                row
            };
            let rows: Vec<Row> = rows.iter().map(of).collect();
            table::print(&format!("One more container, --network {network}"), "ms", &rows);
        }
    }
    Ok(())
}

fn name(number: usize) -> String {
    format!("teu-bench-crowd-{number}")
}

/// Starts containers until so many run.
fn fill(subject: &Subject, network: &str, count: usize) -> Result<()> {
    let running = subject.run(&["ps", "-q"])?.lines().count();
    let numbers: Vec<usize> = (running..count).collect();
    in_threads(numbers.chunks(numbers.len().div_ceil(AT_ONCE).max(1)), |numbers| {
        numbers.iter().try_for_each(|number| {
            let name = name(*number);
            subject.run(&["run", "-d", "--name", &name, "--network", network, IMAGE, "sleep", "3600"]).map(drop)
        })
    })
}

fn empty(subject: &Subject, names: &[String]) -> Result<()> {
    in_threads(names.chunks(names.len().div_ceil(AT_ONCE)), |names| {
        names.chunks(BATCH).try_for_each(|batch| subject.remove(batch))
    })
}

fn in_threads<'a, T: Sync + 'a>(
    parts: impl Iterator<Item = &'a [T]>,
    work: impl Fn(&[T]) -> Result<()> + Sync,
) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| work(part))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a panic"))))
    })
}

/// Times of `run -d`, and of `start` of the same container after its end: with `busy` while the kernel is still at that,
/// otherwise once the machine is at rest.
fn measure(runs: usize, subject: &Subject, network: &str, busy: bool) -> Result<[Vec<std::time::Duration>; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    let settle = || if busy { Ok(()) } else { rest::wait() };
    // The first is not counted.
    for turn in 0..=runs {
        let name = name(usize::MAX - turn);
        settle()?;
        let run = subject.time(&["run", "-d", "--name", &name, "--network", network, IMAGE, "sleep", "3600"])?;
        subject.run(&["kill", &name])?;
        settle()?;
        let start = subject.time(&["start", &name])?;
        subject.remove(&[name])?;
        if turn > 0 {
            times[0].push(run);
            times[1].push(start);
        }
    }
    Ok(times)
}
