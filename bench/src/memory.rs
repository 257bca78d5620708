//! P5 and P11: what idle containers and the idle engine take.

use crate::Settings;
use crate::subject::{IMAGE, Subject};
use crate::table::{self, Row};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// How many containers the memory of one is taken from.
const CONTAINERS: usize = 100;

/// MemAvailable before and after 100 idle containers.
pub(crate) fn per_container(settings: &Settings) -> Result<()> {
    let mut rows = Vec::new();
    for subject in Subject::all(settings)? {
        // One container first, so that what is made once is not counted.
        subject.run(&["run", "-d", "--name", "teu-bench-first", IMAGE, "sleep", "3600"])?;
        let before = available_kib()?;
        let names: Vec<String> = (0..CONTAINERS).map(|number| format!("teu-bench-{number}")).collect();
        for name in &names {
            subject.run(&["run", "-d", "--name", name, IMAGE, "sleep", "3600"])?;
        }
        let after = available_kib()?;
        let mut row = Row::new(subject.name());
        row.samples.push((before - after) / 1024.0 / CONTAINERS as f64);
        rows.push(row);
        subject.remove(&names)?;
        subject.remove(&["teu-bench-first".to_owned()])?;
    }
    table::print("P5: memory per idle container on the default network", "MiB", &rows);
    Ok(())
}

fn available_kib() -> Result<f64> {
    // Page cache and slabs that were only waiting to be given back must not count as the containers'.
    fs::write("/proc/sys/vm/drop_caches", "3").context("cannot drop caches")?;
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).context("no MemAvailable")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
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
