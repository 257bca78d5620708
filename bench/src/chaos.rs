//! Random calls from several clients while daemon, keeper and containers' processes are killed.

use crate::Settings;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use teu_testkit::chaos::{self, Options};

/// How much chaos.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    /// For the same calls and kills again, as far as time lets them repeat.
    #[arg(long)]
    seed: Option<u64>,
    /// How long.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Clients, each with containers of its own; a few more containers belong to all.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Longest time between two kills of daemon or keeper, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    pause: u64,
    /// Copy the logs of daemon and keeper to this folder, with all that they can tell.
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

/// Runs, and prints what came of it.
pub(crate) fn run(settings: &Settings, flags: &Flags) -> Result<()> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let options = Options {
        executable: settings.teu.clone(),
        time: Duration::from_secs(flags.minutes * 60),
        clients: flags.clients,
        seed: flags.seed.unwrap_or(clock),
        pause: Duration::from_millis(flags.pause),
        logs: flags.logs.clone(),
    };
    println!("seed {}", options.seed);
    let report = chaos::run(&options)?;
    println!("\n| what | number |\n|---|---|");
    for (what, number) in &report.counts {
        println!("| {what} | {number} |");
    }
    println!("| faults | {} |\n", report.faults.len());
    for fault in &report.faults {
        println!("- {fault}");
    }
    if !report.faults.is_empty() {
        bail!("{} faults; seed {}", report.faults.len(), options.seed);
    }
    Ok(())
}
