//! `update`.

use std::process::ExitCode;

use clap::Args;
use teu_api::container::UpdateRequest;

use super::options::restart_policy;
use crate::app::Cli;
use crate::error::Error;
use crate::opts::{number, size};
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)
    #[arg(long, value_name = "uint16", value_parser = number::uint16)]
    blkio_weight: Option<u16>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_period: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_quota: Option<i64>,
    /// Limit the CPU real-time period in microseconds
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_rt_period: Option<i64>,
    /// Limit the CPU real-time runtime in microseconds
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_rt_runtime: Option<i64>,
    /// CPU shares (relative weight)
    #[arg(short = 'c', long, value_name = "int", value_parser = number::int)]
    cpu_shares: Option<i64>,
    /// Number of CPUs
    #[arg(long, value_name = "decimal", value_parser = number::nano_cpus)]
    cpus: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "")]
    cpuset_cpus: String,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "")]
    cpuset_mems: String,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", value_parser = size::ram_bytes)]
    memory: Option<i64>,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", value_parser = size::ram_bytes)]
    memory_reservation: Option<i64>,
    /// Swap limit equal to memory plus swap: -1 to enable unlimited swap
    #[arg(long, value_name = "bytes", value_parser = size::swap_bytes)]
    memory_swap: Option<i64>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int", value_parser = number::int)]
    pids_limit: Option<i64>,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string")]
    restart: Option<String>,
    containers: Vec<String>,
}

impl Verb for Update {
    const SPEC: Spec = Spec {
        noun: "container",
        names: &["update"],
        top: "update",
        about: "Update configuration of one or more containers",
        usage: "[OPTIONS] CONTAINER [CONTAINER...]",
        arguments: Arity::at_least(1),
        examples: &[
            ("Less memory while it runs", "update --memory 256m --memory-swap 256m web"),
            ("Start it again whenever it ends", "update --restart always web"),
        ],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let request = self.request()?;
        if request == UpdateRequest::default() && self.restart.is_none() {
            return Err(Error::message("you must provide one or more flags when using this command"));
        }
        let client = cli.client()?;
        let mut warnings = Vec::new();
        let mut failures = Vec::new();
        for name in &self.containers {
            match client.container_update(name, &request).await {
                Ok(answer) => {
                    cli.say(name)?;
                    warnings.extend(answer.warnings.into_iter().flatten());
                }
                Err(error) => failures.push(Error::from(error).to_string()),
            }
        }
        if !warnings.is_empty() {
            cli.say(warnings.join("\n"))?;
        }
        if failures.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Error::message(failures.join("\n"))) }
    }
}

impl Update {
    fn request(&self) -> Result<UpdateRequest, Error> {
        Ok(UpdateRequest {
            cpu_shares: self.cpu_shares.unwrap_or(0),
            memory: self.memory.unwrap_or(0),
            nano_cpus: self.cpus.unwrap_or(0),
            blkio_weight: self.blkio_weight.unwrap_or(0),
            cpu_period: self.cpu_period.unwrap_or(0),
            cpu_quota: self.cpu_quota.unwrap_or(0),
            cpu_realtime_period: self.cpu_rt_period.unwrap_or(0),
            cpu_realtime_runtime: self.cpu_rt_runtime.unwrap_or(0),
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            memory_reservation: self.memory_reservation.unwrap_or(0),
            memory_swap: self.memory_swap.unwrap_or(0),
            pids_limit: self.pids_limit,
            restart_policy: restart_policy(self.restart.as_deref().unwrap_or_default())?,
        })
    }
}
