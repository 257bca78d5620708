//! How much of the machine the container may use.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Args;
use teu_api::container::{CreateRequest, ThrottleDevice, Ulimit, WeightDevice};

use super::host;
use crate::error::Error;
use crate::opts::{number, size, throttle, ulimit};

#[derive(Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(super) struct Resources {
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)
    #[arg(long, value_name = "uint16", value_parser = number::uint16)]
    blkio_weight: Option<u16>,
    /// Block IO weight (relative device weight)
    #[arg(long, value_name = "list", value_parser = throttle::weight)]
    blkio_weight_device: Vec<WeightDevice>,
    /// CPU count (Windows only)
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_count: Option<i64>,
    /// CPU percent (Windows only)
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_percent: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_period: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_quota: Option<i64>,
    /// Limit CPU real-time period in microseconds
    #[arg(long, value_name = "int", value_parser = number::int)]
    cpu_rt_period: Option<i64>,
    /// Limit CPU real-time runtime in microseconds
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
    /// Limit read rate (bytes per second) from a device
    #[arg(long, value_name = "list", value_parser = throttle::bytes)]
    device_read_bps: Vec<ThrottleDevice>,
    /// Limit read rate (IO per second) from a device
    #[arg(long, value_name = "list", value_parser = throttle::operations)]
    device_read_iops: Vec<ThrottleDevice>,
    /// Limit write rate (bytes per second) to a device
    #[arg(long, value_name = "list", value_parser = throttle::bytes)]
    device_write_bps: Vec<ThrottleDevice>,
    /// Limit write rate (IO per second) to a device
    #[arg(long, value_name = "list", value_parser = throttle::operations)]
    device_write_iops: Vec<ThrottleDevice>,
    /// Maximum IO bandwidth limit for the system drive (Windows only)
    #[arg(long, value_name = "bytes", value_parser = size::ram_bytes)]
    io_maxbandwidth: Option<i64>,
    /// Maximum IOps limit for the system drive (Windows only)
    #[arg(long, value_name = "uint", value_parser = number::uint)]
    io_maxiops: Option<u64>,
    /// Kernel memory limit
    #[arg(long, value_name = "bytes", value_parser = size::ram_bytes)]
    kernel_memory: Option<i64>,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", value_parser = size::ram_bytes)]
    memory: Option<i64>,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", value_parser = size::ram_bytes)]
    memory_reservation: Option<i64>,
    /// Swap limit equal to memory plus swap: '-1' to enable unlimited swap
    #[arg(long, value_name = "bytes", value_parser = size::swap_bytes)]
    memory_swap: Option<i64>,
    /// Tune container memory swappiness (0 to 100) (default -1)
    #[arg(long, value_name = "int", value_parser = number::int)]
    memory_swappiness: Option<i64>,
    /// Disable OOM Killer
    #[arg(long)]
    oom_kill_disable: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", value_parser = number::int)]
    oom_score_adj: Option<i64>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int", value_parser = number::int)]
    pids_limit: Option<i64>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    ulimit: Vec<Ulimit>,
}

impl Resources {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let swappiness = self.memory_swappiness.unwrap_or(-1);
        if swappiness != -1 && !(0..=100).contains(&swappiness) {
            bail!("invalid value: {swappiness}. Valid memory swappiness range is 0-100");
        }
        let host = host(request);
        host.blkio_weight = self.blkio_weight.unwrap_or(0);
        host.blkio_weight_device = Some(self.blkio_weight_device);
        host.blkio_device_read_bps = Some(self.device_read_bps);
        host.blkio_device_read_iops = Some(self.device_read_iops);
        host.blkio_device_write_bps = Some(self.device_write_bps);
        host.blkio_device_write_iops = Some(self.device_write_iops);
        host.cpu_period = self.cpu_period.unwrap_or(0);
        host.cpu_quota = self.cpu_quota.unwrap_or(0);
        host.cpu_realtime_period = self.cpu_rt_period.unwrap_or(0);
        host.cpu_realtime_runtime = self.cpu_rt_runtime.unwrap_or(0);
        host.cpu_shares = self.cpu_shares.unwrap_or(0);
        host.nano_cpus = self.cpus.unwrap_or(0);
        host.cpuset_cpus = self.cpuset_cpus;
        host.cpuset_mems = self.cpuset_mems;
        host.kernel_memory = self.kernel_memory.unwrap_or(0);
        host.memory = self.memory.unwrap_or(0);
        host.memory_reservation = self.memory_reservation.unwrap_or(0);
        host.memory_swap = self.memory_swap.unwrap_or(0);
        host.memory_swappiness = Some(swappiness);
        host.oom_kill_disable = Some(self.oom_kill_disable);
        host.oom_score_adj = self.oom_score_adj.unwrap_or(0);
        host.pids_limit = Some(self.pids_limit.unwrap_or(0));
        // The last of equal names counts, in the order of names.
        let ulimits: BTreeMap<String, Ulimit> =
            self.ulimit.into_iter().map(|limit| (limit.name.clone(), limit)).collect();
        host.ulimits = Some(ulimits.into_values().collect());
        Ok(())
    }

    /// Flags of Docker's that have a meaning on Windows alone.
    pub(super) fn refuse_windows(&self) -> Result<(), Error> {
        let given = [
            ("cpu-count", self.cpu_count.is_some()),
            ("cpu-percent", self.cpu_percent.is_some()),
            ("io-maxbandwidth", self.io_maxbandwidth.is_some()),
            ("io-maxiops", self.io_maxiops.is_some()),
        ];
        let refuse = |flag: &str| {
            format!(
                "\"--{flag}\" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux"
            )
        };
        let refused: Vec<_> = given.iter().filter(|(_, given)| *given).map(|(flag, _)| refuse(flag)).collect();
        if refused.is_empty() { Ok(()) } else { Err(Error::message(refused.join("\n"))) }
    }
}
