//! Random calls from several clients while daemon, keeper and containers' processes are killed.

use crate::{Settings, trial};
use anyhow::Result;
use clap::Args;
use std::time::Duration;
use teu_testkit::chaos::{self, Options};

/// How much chaos.
#[derive(Args, Clone)]
pub(crate) struct Flags {
    #[command(flatten)]
    trial: trial::Flags,
    /// How long, in minutes.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// Clients, each with containers of its own; a few more containers belong to all.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Longest time between two kills of daemon or keeper, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    pause: u64,
}

/// Runs, and prints what came of it.
pub(crate) fn run(settings: &Settings, flags: &Flags) -> Result<()> {
    let options = Options {
        trial: flags.trial.options(settings, flags.pause)?,
        time: Duration::from_secs(flags.minutes * 60),
        clients: flags.clients,
    };
    trial::print(&chaos::run(&options)?)
}
