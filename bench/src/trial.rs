//! What the trials of a dying engine are asked for alike, and what is printed of them.

use crate::Settings;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use teu_testkit::trial::{Options, Report};

/// Flags of every trial.
#[derive(Args, Clone)]
#[group(skip)]
pub(crate) struct Flags {
    /// For the same order of calls and kills again, as far as time lets them repeat.
    #[arg(long)]
    seed: Option<u64>,
    /// Copy the logs of daemon and keeper to this folder, with all that they can tell.
    #[arg(long, value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

impl Flags {
    /// With the longest time between two kills, in milliseconds. Says which seed it is.
    pub(crate) fn options(&self, settings: &Settings, pause: u64) -> Result<Options> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let seed = self.seed.unwrap_or(clock);
        println!("seed {seed}");
        let pause = Duration::from_millis(pause);
        Ok(Options { executable: settings.teu.clone(), seed, pause, logs: self.logs.clone() })
    }
}

/// Prints what came of a trial; faults are an error.
pub(crate) fn print(report: &Report) -> Result<()> {
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
