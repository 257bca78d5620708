//! Benchmarks of the whole executable: each prints medians, ratios to the peers measured in the same run, and the floor.
//!
//! `cargo run --release -p teu-bench -- p1 --peers`. Subjects take turns, so that a machine that drifts drifts for all.

mod bare;
mod chaos;
mod crowd;
mod daemon;
mod exec;
mod images;
mod logs;
mod memory;
mod registry;
mod rest;
mod runtime;
mod start;
mod subject;
mod table;
mod torture;
mod trial;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use subject::Peers;

/// Benchmarks of Teu, alone or beside the container engines that are installed.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    benchmark: Benchmark,
    /// Measure Docker, Podman, crun and runc too, where they are installed.
    #[arg(long, global = true)]
    peers: bool,
    /// Counted runs of each subject.
    #[arg(long, global = true, default_value_t = 20)]
    runs: usize,
    /// The executable to measure; by default `teu` beside this program.
    #[arg(long, global = true, value_name = "PATH")]
    teu: Option<PathBuf>,
    /// The docker command line and its engine, as a shell would run it.
    #[arg(long, global = true, default_value = "docker")]
    docker: String,
    /// How to run podman.
    #[arg(long, global = true, default_value = "podman")]
    podman: String,
    /// How to run crun.
    #[arg(long, global = true, default_value = "crun")]
    crun: String,
    /// How to run runc.
    #[arg(long, global = true, default_value = "runc")]
    runc: String,
}

#[derive(Subcommand)]
enum Benchmark {
    /// `run --rm busybox true` on the default network.
    P1,
    /// The same without a network.
    P2,
    /// The OCI runtime alone: `run` of a bundle.
    P3,
    /// `exec CONTAINER true`.
    P4,
    /// Memory per idle container.
    P5,
    /// Pull from a registry on loopback: 2 layers, about 360 MB unpacked.
    P7,
    /// Removal of the same image.
    P8,
    /// 1,000,000 lines (100 MB) through the default log driver, and `logs` of them.
    P9,
    /// Resident memory of the idle engine, all its processes.
    P11,
    /// `ps` with 100 containers.
    P12,
    /// Restart of the daemon with 100 running containers, until `ps` answers.
    P13,
    /// The longest wait for an answer while another version of the executable takes over, with 100 containers.
    Upgrade,
    /// The next container while 10 and while many others run, on a machine at rest: before each measurement it is waited,
    /// for up to two seconds, until the kernel has cleaned up after the one before.
    Crowd {
        /// How many those are. A bridge takes 1,023.
        #[arg(long, default_value_t = 1000)]
        containers: usize,
        /// Measure back to back instead: each start beside the end of the container before.
        #[arg(long)]
        busy: bool,
    },
    /// kill -9 of daemon and keeper in random order under load: exits with 1 if anything is stopped, lost or leaked.
    Torture(torture::Flags),
    /// Random calls from several clients, each with a model of its containers, while daemon, keeper and processes of containers
    /// are killed: exits with 1 if an answer does not fit, is a 500, or if anything is left behind.
    Chaos(chaos::Flags),
    /// Serves a registry for P7 until standard input ends.
    #[command(hide = true)]
    Serve {
        /// Folder with `layer-*.tar.gz` and `config.json`, made by P7.
        folder: PathBuf,
    },
}

/// What every benchmark needs.
struct Settings {
    teu: PathBuf,
    runs: usize,
    peers: Peers,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Benchmark::Serve { folder } = &arguments.benchmark {
        return registry::serve(folder);
    }
    let beside = std::env::current_exe()?.with_file_name("teu");
    let teu = arguments.teu.clone().unwrap_or(beside);
    let teu = teu
        .canonicalize()
        .with_context(|| format!("no executable {} to measure: build it or name one with --teu", teu.display()))?;
    let peers = if arguments.peers {
        Peers::find(&arguments.docker, &arguments.podman, &arguments.crun, &arguments.runc)
    } else {
        Peers::default()
    };
    let settings = Settings { teu, runs: arguments.runs.max(1), peers };
    match arguments.benchmark {
        Benchmark::P1 => start::run(&settings, start::Network::Bridge),
        Benchmark::P2 => start::run(&settings, start::Network::None),
        Benchmark::P3 => runtime::run(&settings),
        Benchmark::P4 => exec::run(&settings),
        Benchmark::P5 => memory::per_container(&settings),
        Benchmark::P7 => images::pull(&settings),
        Benchmark::P8 => images::remove(&settings),
        Benchmark::P9 => logs::run(&settings),
        Benchmark::P11 => memory::engine(&settings),
        Benchmark::P12 => daemon::ps(&settings),
        Benchmark::P13 => daemon::restart(&settings),
        Benchmark::Upgrade => daemon::upgrade(&settings),
        Benchmark::Torture(flags) => torture::run(&settings, &flags),
        Benchmark::Crowd { containers, busy } => crowd::run(&settings, containers, busy),
        Benchmark::Chaos(flags) => chaos::run(&settings, &flags),
        Benchmark::Serve { .. } => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_fit_together() {
        Arguments::command().debug_assert();
    }
}
