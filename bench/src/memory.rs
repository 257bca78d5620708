//! P5 and P11: what idle containers and the idle engine take.

use crate::Settings;
use crate::bare::Bare;
use crate::subject::{IMAGE, Subject};
use crate::table::{self, Row};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How many containers the memory of one is taken from.
const CONTAINERS: usize = 100;
/// How often each subject has its turn: other processes of the machine are seen in the difference, too.
const ROUNDS: usize = 3;

/// How far apart two readings may be that count as one, in KiB, how many of them have to follow each other, and for how many it
/// is waited: namespaces and control groups are given back, and made in advance, some time after the command.
const SAME: f64 = 256.0;
const IN_A_ROW: usize = 5;
const READINGS: usize = 100;
const INTERVAL: Duration = Duration::from_millis(200);

/// MemAvailable before and after 100 idle containers.
pub(crate) fn per_container(settings: &Settings) -> Result<()> {
    let subjects = Subject::all(settings)?;
    let mut rows: Vec<Row> = subjects.iter().map(|subject| Row::new(subject.name())).collect();
    let mut floor = Row::new("floor: process, namespaces, veth, control groups");
    let names: Vec<String> = (0..CONTAINERS).map(|number| format!("teu-bench-{number}")).collect();
    let start = |subject: &Subject, name: &str| subject.run(&["run", "-d", "--name", name, IMAGE, "sleep", "3600"]);
    for _ in 0..ROUNDS {
        for (subject, row) in subjects.iter().zip(&mut rows) {
            // One container first, so that what is made once is not counted.
            start(subject, "teu-bench-first")?;
            let before = settled_kib()?;
            for name in &names {
                start(subject, name)?;
            }
            row.samples.push((before - settled_kib()?) / 1024.0 / CONTAINERS as f64);
            subject.remove(&names)?;
            subject.remove(&["teu-bench-first".to_owned()])?;
        }
        let bare = Bare::start()?;
        bare.add(0..1)?;
        let before = settled_kib()?;
        bare.add(1..CONTAINERS + 1)?;
        floor.samples.push((before - settled_kib()?) / 1024.0 / CONTAINERS as f64);
    }
    rows.push(floor);
    table::print("P5: memory per idle container on the default network", "MiB", &rows);
    Ok(())
}

/// What is available when that does not change any more.
fn settled_kib() -> Result<f64> {
    let (mut last, mut same) = (available_kib()?, 0);
    for _ in 0..READINGS {
        std::thread::sleep(INTERVAL);
        let now = available_kib()?;
        same = if (now - last).abs() < SAME { same + 1 } else { 0 };
        last = now;
        if same == IN_A_ROW {
            break;
        }
    }
    Ok(last)
}

fn available_kib() -> Result<f64> {
    // Page cache and slabs that were only waiting to be given back must not count as the containers'. What is not yet written
    // cannot be given back (Documentation/admin-guide/sysctl/vm.rst, drop_caches).
    rustix::fs::sync();
    fs::write("/proc/sys/vm/drop_caches", "3").context("cannot drop caches")?;
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).context("no MemAvailable")?;
    let available: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(available
        + kept_pages(&fs::read_to_string("/proc/zoneinfo")?) as f64 * rustix::param::page_size() as f64 / 1024.0)
}

/// Free pages that each processor keeps at hand for itself. They count as neither free nor used, and after a burst there are
/// megabytes of them for some seconds.
fn kept_pages(zones: &str) -> u64 {
    let counts = zones.lines().filter_map(|line| line.trim().strip_prefix("count:"));
    counts.filter_map(|count| count.trim().parse::<u64>().ok()).sum()
}

/// Resident memory of all processes of the idle engine.
pub(crate) fn engine(settings: &Settings) -> Result<()> {
    let mut rows = Vec::new();
    for mut subject in Subject::all(settings)? {
        subject.run(&["run", "--rm", IMAGE, "true"])?;
        let mut row = Row::new(subject.name());
        let resident = match subject.own() {
            Some(engine) => {
                let pids = engine.host.processes()?;
                pids.into_iter().filter(|pid| is_named(*pid, &["teu"])).map(resident_mib).sum::<Result<f64>>()?
            }
            None if row.name == "docker" => named(&["dockerd", "containerd"])?,
            None => continue,
        };
        row.samples.push(resident);
        rows.push(row);
    }
    table::print("P11: resident memory of the idle engine, all its processes", "MiB", &rows);
    Ok(())
}

fn named(names: &[&str]) -> Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if is_named(pid, names) {
            sum += resident_mib(pid)?;
        }
    }
    Ok(sum)
}

fn is_named(pid: u32, names: &[&str]) -> bool {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
    let program = String::from_utf8_lossy(program);
    Path::new(program.as_ref()).file_name().is_some_and(|file| names.iter().any(|name| file == *name))
}

fn resident_mib(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib / 1024.0)
}
