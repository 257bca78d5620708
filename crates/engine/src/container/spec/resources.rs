//! Limits: from Docker's fields to the runtime's.

use std::os::unix::fs::MetadataExt;

use rustix::fs::{major, minor};
use teu_api::container::{HostConfig, ThrottleDevice, UpdateRequest};
use teu_oci::runtime as oci;

use super::devices;
use crate::Error;

/// Docker's scheduler period for `--cpus`, in microseconds.
const PERIOD: u64 = 100_000;

pub(super) fn build(host: &HostConfig) -> Result<oci::Resources, Error> {
    if host.cpu_shares < 0 {
        // What the kernel says when Docker gives it the number.
        return Err(Error::Invalid("shares: invalid argument".to_owned()));
    }
    Ok(oci::Resources {
        devices: devices::rules(host)?,
        memory: memory(host),
        cpu: cpu(host),
        pids: host.pids_limit.filter(|n| *n > 0).map(|n| oci::Pids { limit: Some(n) }),
        block_io: block_io(host)?,
        ..oci::Resources::default()
    })
}

/// The limits that a request changes, those that hang together with them included; `host` has them merged already.
pub(crate) fn changed(host: &HostConfig, request: &UpdateRequest) -> Option<oci::Resources> {
    let cpu_times = request.nano_cpus != 0 || request.cpu_quota != 0 || request.cpu_period != 0;
    let all = cpu(host).unwrap_or_default();
    let cpu = oci::Cpu {
        shares: unsigned(request.cpu_shares),
        quota: all.quota.filter(|_| cpu_times),
        period: all.period.filter(|_| cpu_times),
        realtime_runtime: set(request.cpu_realtime_runtime),
        realtime_period: unsigned(request.cpu_realtime_period),
        cpus: request.cpuset_cpus.clone(),
        mems: request.cpuset_mems.clone(),
        ..oci::Cpu::default()
    };
    let limits = request.memory != 0 || request.memory_swap != 0;
    let all = memory(host).unwrap_or_default();
    let memory = oci::Memory {
        limit: all.limit.filter(|_| limits),
        swap: all.swap.filter(|_| limits),
        reservation: set(request.memory_reservation),
        ..oci::Memory::default()
    };
    let weight = (request.blkio_weight != 0).then_some(request.blkio_weight);
    let resources = oci::Resources {
        memory: (memory != oci::Memory::default()).then_some(memory),
        cpu: (cpu != oci::Cpu::default()).then_some(cpu),
        // Docker's 0 and -1 are both "no limit"; the runtime's 0 is a limit.
        pids: request.pids_limit.map(|limit| oci::Pids { limit: Some(if limit > 0 { limit } else { -1 }) }),
        block_io: weight.map(|weight| oci::BlockIo { weight: Some(weight), ..oci::BlockIo::default() }),
        ..oci::Resources::default()
    };
    (resources != oci::Resources::default()).then_some(resources)
}

/// The value, unless it is Docker's zero for "not set".
fn set(value: i64) -> Option<i64> {
    (value != 0).then_some(value)
}

fn unsigned(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|v| *v > 0)
}

fn memory(host: &HostConfig) -> Option<oci::Memory> {
    let swap = match (host.memory_swap, host.memory) {
        // As much swap as memory, Docker's default.
        (0, memory) if memory > 0 => memory.checked_mul(2),
        (swap, _) => set(swap),
    };
    let memory = oci::Memory {
        limit: set(host.memory),
        reservation: set(host.memory_reservation),
        swap,
        kernel_tcp: set(host.kernel_memory_tcp),
        swappiness: host.memory_swappiness.and_then(|n| u64::try_from(n).ok()),
        disable_oom_killer: host.oom_kill_disable.filter(|d| *d),
        ..oci::Memory::default()
    };
    (memory != oci::Memory::default()).then_some(memory)
}

fn cpu(host: &HostConfig) -> Option<oci::Cpu> {
    let (quota, period) = if host.nano_cpus > 0 {
        // Billionths of a processor to microseconds per period.
        (Some(host.nano_cpus.saturating_mul(100_000) / 1_000_000_000), Some(PERIOD))
    } else {
        (set(host.cpu_quota), unsigned(host.cpu_period))
    };
    let cpu = oci::Cpu {
        shares: unsigned(host.cpu_shares),
        quota,
        period,
        realtime_runtime: set(host.cpu_realtime_runtime),
        realtime_period: unsigned(host.cpu_realtime_period),
        cpus: host.cpuset_cpus.clone(),
        mems: host.cpuset_mems.clone(),
        ..oci::Cpu::default()
    };
    (cpu != oci::Cpu::default()).then_some(cpu)
}

fn block_io(host: &HostConfig) -> Result<Option<oci::BlockIo>, Error> {
    let throttles = |list: &Option<Vec<ThrottleDevice>>| -> Result<Vec<oci::ThrottleDevice>, Error> {
        let one = |d: &ThrottleDevice| {
            let (major, minor) = numbers(&d.path)?;
            Ok(oci::ThrottleDevice { major, minor, rate: d.rate })
        };
        list.iter().flatten().map(one).collect()
    };
    let mut weights = Vec::new();
    for device in host.blkio_weight_device.iter().flatten() {
        let (major, minor) = numbers(&device.path)?;
        weights.push(oci::WeightDevice { major, minor, weight: Some(device.weight), leaf_weight: None });
    }
    let block_io = oci::BlockIo {
        weight: (host.blkio_weight != 0).then_some(host.blkio_weight),
        weight_device: weights,
        throttle_read_bps_device: throttles(&host.blkio_device_read_bps)?,
        throttle_write_bps_device: throttles(&host.blkio_device_write_bps)?,
        throttle_read_iops_device: throttles(&host.blkio_device_read_iops)?,
        throttle_write_iops_device: throttles(&host.blkio_device_write_iops)?,
        ..oci::BlockIo::default()
    };
    Ok((block_io != oci::BlockIo::default()).then_some(block_io))
}

/// The numbers of the device at `path`.
fn numbers(path: &str) -> Result<(i64, i64), Error> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        // Clients take their exit code from these words.
        std::io::ErrorKind::NotFound => Error::Invalid(format!("stat {path}: no such file or directory")),
        _ => Error::Invalid(format!("stat {path}: {error}")),
    })?;
    Ok((i64::from(major(metadata.rdev())), i64::from(minor(metadata.rdev()))))
}

#[cfg(test)]
mod tests {
    use teu_api::container::HostConfig;

    use super::build;

    #[test]
    fn nothing_is_nothing() {
        let resources = build(&HostConfig::default()).expect("valid");
        assert!(resources.memory.is_none() && resources.cpu.is_none() && resources.pids.is_none());
        assert!(resources.block_io.is_none());
    }

    #[test]
    fn cpus_and_memory() {
        let host =
            HostConfig { nano_cpus: 1_500_000_000, memory: 1 << 20, pids_limit: Some(-1), ..HostConfig::default() };
        let resources = build(&host).expect("valid");
        let (cpu, memory) = (resources.cpu.expect("cpu"), resources.memory.expect("memory"));
        assert_eq!((cpu.quota, cpu.period), (Some(150_000), Some(100_000)));
        assert_eq!((memory.limit, memory.swap), (Some(1 << 20), Some(2 << 20)));
        assert!(resources.pids.is_none());
    }
}
