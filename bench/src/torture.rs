//! Daemon and keeper killed with -9, hundreds of times, under load.

use crate::{Settings, trial};
use anyhow::Result;
use clap::Args;
use std::time::Duration;
use teu_testkit::torture::{self, Options};

/// How much torture.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    #[command(flatten)]
    trial: trial::Flags,
    /// Kills of the daemon, and as many of the keeper.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Containers that write numbered lines all the time.
    #[arg(long, default_value_t = 20)]
    containers: usize,
    /// Workers that start, run, stop and remove other containers meanwhile; half as many attach.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// Longest time between two kills, in milliseconds.
    #[arg(long, default_value_t = 500)]
    pause: u64,
    /// The kills end after this many minutes.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
}

/// Tortures, and prints what came of it.
pub(crate) fn run(settings: &Settings, flags: &Flags) -> Result<()> {
    let options = Options {
        trial: flags.trial.options(settings, flags.pause)?,
        kills: flags.kills,
        containers: flags.containers,
        workers: flags.workers,
        limit: Duration::from_secs(flags.minutes * 60),
    };
    trial::print(&torture::run(&options)?)
}
