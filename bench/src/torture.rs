//! Daemon and keeper killed with -9, hundreds of times, under load.

use crate::Settings;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use teu_testkit::torture::{self, Options};

/// How much torture.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    /// Kills of the daemon, and as many of the keeper.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Containers that write numbered lines all the time.
    #[arg(long, default_value_t = 20)]
    containers: usize,
    /// Workers that start, run, stop and remove other containers meanwhile; half as many attach.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// For the same order of kills again.
    #[arg(long)]
    seed: Option<u64>,
    /// Longest time between two kills, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pause: u64,
    /// The kills end after this many minutes.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Copy the logs of daemon and keeper to this folder, with all that they can tell.
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

/// Tortures, and prints what came of it.
pub(crate) fn run(settings: &Settings, flags: &Flags) -> Result<()> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let options = Options {
        executable: settings.teu.clone(),
        kills: flags.kills,
        containers: flags.containers,
        workers: flags.workers,
        seed: flags.seed.unwrap_or(clock),
        pause: Duration::from_millis(flags.pause),
        limit: Duration::from_secs(flags.minutes * 60),
        logs: flags.logs.clone(),
    };
    println!("seed {}", options.seed);
    let report = torture::run(&options)?;
    println!("\n| what | number |\n|---|---|");
    for (what, number) in &report.counts {
        println!("| {what} | {number} |");
    }
    println!("| faults | {} |\n", report.faults.len());
    for fault in &report.faults {
        println!("- {fault}");
    }
    if !report.faults.is_empty() {
        bail!("{} faults", report.faults.len());
    }
    Ok(())
}
