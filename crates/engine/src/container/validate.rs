//! Requests that cannot be carried out as written, in Docker's words.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use teu_api::container::{Config, HostConfig};

use super::files::check_extra_host;
use super::{log_target, signal, spec, storage};
use crate::machine::Machine;
use crate::{EngineConfig, Error, StartError};

/// Docker's least memory limit.
const LEAST_MEMORY: i64 = 6 << 20;

fn invalid<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::Invalid(text.into()))
}

/// Checks what a request says by itself.
pub(super) fn request(config: &Config, host: &HostConfig) -> Result<(), Error> {
    if !config.working_dir.is_empty() && !config.working_dir.starts_with('/') {
        return invalid(format!(
            "the working directory '{}' is invalid, it needs to be an absolute path",
            config.working_dir
        ));
    }
    if !config.stop_signal.is_empty() {
        signal::parse(&config.stop_signal)?;
    }
    if config.env.iter().flatten().any(|v| v.is_empty() || v.starts_with('=')) {
        return invalid("invalid environment variable: must not be empty");
    }
    if host.annotations.iter().flatten().any(|(name, _)| name.is_empty()) {
        return invalid("invalid Annotations: the empty string is not permitted as an annotation key");
    }
    hostname(config)?;
    modes(config, host)?;
    unsupported(host)?;
    host.extra_hosts.iter().flatten().try_for_each(|entry| check_extra_host(entry))
}

/// Any name will do until the kernel is asked for it: Docker does not look at it either.
fn hostname(config: &Config) -> Result<(), Error> {
    if config.hostname.contains('\0') {
        return invalid(format!("invalid hostname format: {:?}: no byte may be null", config.hostname));
    }
    Ok(())
}

/// Namespace modes, and what excludes what.
fn modes(config: &Config, host: &HostConfig) -> Result<(), Error> {
    let container = |mode: &str| mode.strip_prefix("container:").is_some_and(|id| !id.is_empty());
    let ipc = &host.ipc_mode;
    if !matches!(ipc.as_str(), "" | "private" | "shareable" | "host" | "none") && !container(ipc) {
        return invalid(format!("invalid IPC mode: {ipc}"));
    }
    if !matches!(host.pid_mode.as_str(), "" | "host") && !container(&host.pid_mode) {
        return invalid(format!("invalid PID mode: {}", host.pid_mode));
    }
    if !matches!(host.uts_mode.as_str(), "" | "host") {
        return invalid(format!("invalid UTS mode: {}", host.uts_mode));
    }
    if !matches!(host.cgroupns_mode.as_str(), "" | "private" | "host") {
        return invalid(format!("invalid cgroup namespace mode: {}", host.cgroupns_mode));
    }
    if !matches!(host.userns_mode.as_str(), "" | "private" | "host") {
        return invalid(format!("invalid user namespace mode: {}", host.userns_mode));
    }
    if host.uts_mode == "host" && !config.hostname.is_empty() {
        return invalid("conflicting options: hostname and the UTS mode");
    }
    if host.network_mode.starts_with("container:") {
        if !container(&host.network_mode) {
            return invalid("invalid container format container:<name|id>");
        }
        shares_network(config, host)?;
    }
    Ok(())
}

/// What makes no sense for a container in another one's network.
fn shares_network(config: &Config, host: &HostConfig) -> Result<(), Error> {
    let some = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|l| !l.is_empty());
    let conflicts = [
        (!config.hostname.is_empty(), "hostname and the network mode"),
        (some(&host.links), "host type networking can't be used with links"),
        (some(&host.dns), "dns and the network mode"),
        (some(&host.extra_hosts), "custom host-to-IP mapping and the network mode"),
        (!config.mac_address.is_empty(), "mac-address and the network mode"),
        (
            host.port_bindings.as_ref().is_some_and(|p| !p.is_empty()) || host.publish_all_ports,
            "port publishing and the container type network mode",
        ),
        (
            config.exposed_ports.as_ref().is_some_and(|p| !p.is_empty()),
            "port exposing and the container type network mode",
        ),
    ];
    match conflicts.iter().find(|(is, _)| *is) {
        Some((_, what)) => invalid(format!("conflicting options: {what}")),
        None => Ok(()),
    }
}

/// What is not built is refused, never ignored.
fn unsupported(host: &HostConfig) -> Result<(), Error> {
    storage::size(host)?;
    if !matches!(host.isolation.as_str(), "" | "default") {
        return invalid(format!("Invalid isolation: {:?} - linux only supports 'default'", host.isolation));
    }
    let checks: BTreeMap<&str, bool> = BTreeMap::from([
        ("the cgroup of another container", !host.cgroup.is_empty()),
        ("--cpu-count", host.cpu_count != 0),
        ("--cpu-percent", host.cpu_percent != 0),
        ("--io-maxiops", host.io_maximum_iops != 0),
        ("--io-maxbandwidth", host.io_maximum_bandwidth != 0),
    ]);
    match checks.iter().find(|(_, is)| **is) {
        Some((what, _)) => Err(Error::Unsupported((*what).to_owned())),
        None => Ok(()),
    }
}

/// Checks the host-dependent part, defaults filled in.
pub(super) fn host(
    host: &HostConfig,
    engine: &EngineConfig,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    limits(host, machine)?;
    if engine.ids.is_some() && host.userns_mode != "host" {
        mapped(host)?;
    }
    if host.shm_size < 0 {
        return invalid("SHM size can not be less than 0");
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return invalid(format!("Invalid value {}, range for oom score adj is [-1000, 1000]", host.oom_score_adj));
    }
    if host.extra_hosts.iter().flatten().any(|e| e.ends_with("host-gateway"))
        && host.network_mode == "none"
        && engine.host_gateway_ips.is_empty()
    {
        warnings.push("host-gateway is not reachable without a network".to_owned());
    }
    for device in host.device_cgroup_rules.iter().flatten() {
        spec::parse_device_rule(device)?;
    }
    sysctls(host)?;
    if host.network_mode == "host" && host.port_bindings.as_ref().is_some_and(|ports| !ports.is_empty()) {
        warnings.push("Published ports are discarded when using host network mode".to_owned());
    }
    log_target::check(&host.log_config)?;
    spec::check_security(host, machine)?;
    if host.oom_kill_disable == Some(true) && host.memory == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system \
             running out of resources."
                .to_owned(),
        );
    }
    Ok(())
}

/// What a container in a user namespace cannot have, in Docker's words.
fn mapped(host: &HostConfig) -> Result<(), Error> {
    if host.privileged {
        return invalid(
            "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace when \
             running privileged mode",
        );
    }
    if host.network_mode == "host" {
        return invalid("cannot share the host's network namespace when user namespaces are enabled");
    }
    if host.pid_mode == "host" {
        return invalid("cannot share the host PID namespace when user namespaces are enabled");
    }
    Ok(())
}

/// Checks the limits and the restart policy: what an update may change, too.
pub(super) fn limits(host: &HostConfig, machine: &Machine) -> Result<(), Error> {
    restart_policy(host)?;
    memory(host)?;
    processors(host, machine)?;
    if host.blkio_weight != 0 && !(10..=1000).contains(&host.blkio_weight) {
        return invalid("Range of blkio weight is from 10 to 1000");
    }
    Ok(())
}

fn restart_policy(host: &HostConfig) -> Result<(), Error> {
    let policy = &host.restart_policy;
    let count = policy.maximum_retry_count;
    match policy.name.as_str() {
        "no" | "always" | "unless-stopped" if count < 0 => {
            return invalid(
                "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
            );
        }
        "no" | "always" | "unless-stopped" if count != 0 => {
            return invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
        }
        "on-failure" if count < 0 => {
            return invalid("invalid restart policy: maximum retry count cannot be negative");
        }
        "no" | "always" | "unless-stopped" | "on-failure" => {}
        other => {
            return invalid(format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            ));
        }
    }
    if host.auto_remove && policy.name != "no" {
        return invalid("can't create 'AutoRemove' container with restart policy");
    }
    Ok(())
}

fn memory(host: &HostConfig) -> Result<(), Error> {
    let HostConfig { memory, memory_swap: swap, memory_reservation: reservation, .. } = *host;
    if memory < 0 || (memory > 0 && memory < LEAST_MEMORY) {
        return invalid("Minimum memory limit allowed is 6MB");
    }
    if memory > 0 && swap > 0 && swap < memory {
        return invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    if memory == 0 && swap > 0 {
        return invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
    }
    if let Some(swappiness) = host.memory_swappiness
        && !(-1..=100).contains(&swappiness)
    {
        return invalid(format!("Invalid value: {swappiness}, valid memory swappiness range is 0-100"));
    }
    if reservation < 0 || (reservation > 0 && reservation < LEAST_MEMORY) {
        return invalid("Minimum memory reservation allowed is 6MB");
    }
    if memory > 0 && reservation > memory {
        return invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
    }
    Ok(())
}

fn processors(host: &HostConfig, machine: &Machine) -> Result<(), Error> {
    let available = machine.processors;
    if host.nano_cpus > 0 && host.cpu_period > 0 {
        return invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set.");
    }
    if host.nano_cpus > 0 && host.cpu_quota > 0 {
        return invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    }
    let most = i64::try_from(available).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    if host.nano_cpus < 0 || host.nano_cpus > most {
        return invalid(format!(
            "Range of CPUs is from 0.01 to {available}.00, as there are only {available} CPUs available"
        ));
    }
    if host.cpu_period != 0 && !(1000..=1_000_000).contains(&host.cpu_period) {
        return invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    }
    if host.cpu_quota > 0 && host.cpu_quota < 1000 {
        return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    }
    let wanted = cpuset(&host.cpuset_cpus, "cpus")?;
    if !within(&wanted, &cpuset(&machine.online_processors, "cpus")?) {
        return invalid(format!(
            "Requested CPUs are not available - requested {}, available: {}",
            host.cpuset_cpus, machine.online_processors
        ));
    }
    let wanted = cpuset(&host.cpuset_mems, "mems")?;
    if !within(&wanted, &cpuset(&machine.memory_nodes, "mems")?) {
        return invalid(format!(
            "Requested memory nodes are not available - requested {}, available: {}",
            host.cpuset_mems, machine.memory_nodes
        ));
    }
    Ok(())
}

fn within(wanted: &[RangeInclusive<u32>], available: &[RangeInclusive<u32>]) -> bool {
    let inside = |part: &RangeInclusive<u32>| {
        available.iter().any(|whole| whole.start() <= part.start() && part.end() <= whole.end())
    };
    wanted.iter().all(inside)
}

/// `0-2,4`
fn cpuset(text: &str, what: &str) -> Result<Vec<RangeInclusive<u32>>, Error> {
    let number = |n: &str| n.parse::<u32>().ok();
    let range = |part: &str| match part.split_once('-') {
        None => number(part).map(|n| n..=n),
        Some((first, last)) => number(first).zip(number(last)).map(|(f, l)| f..=l).filter(|range| !range.is_empty()),
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
    ranges.map_or_else(|| invalid(format!("Invalid value {text} for cpuset {what}: invalid format: {text}")), Ok)
}

/// Parameters of the host's own network are refused when the container starts, in runc's words.
pub(super) fn sysctls_of_host(host: &HostConfig) -> Result<(), Error> {
    let mut names = host.sysctls.iter().flatten().map(|(name, _)| name);
    match names.find(|name| name.starts_with("net.") && host.network_mode == "host") {
        None => Ok(()),
        Some(name) => Err(Error::Start(StartError {
            message: format!(
                "failed to create task for container: failed to create shim task: OCI runtime create failed: \
                 runc create failed: sysctl {name:?} not allowed in host network namespace: unknown"
            ),
            exit_code: 128,
        })),
    }
}

fn sysctls(host: &HostConfig) -> Result<(), Error> {
    for name in host.sysctls.iter().flatten().map(|(name, _)| name) {
        let ipc = name.starts_with("fs.mqueue.")
            || name.starts_with("kernel.msg")
            || name.starts_with("kernel.sem")
            || name.starts_with("kernel.shm");
        if ipc && host.ipc_mode == "host" {
            return invalid(format!("sysctl '{name}' not allowed in host ipc namespace"));
        }
        let namespaced =
            ipc || name.starts_with("net.") || matches!(name.as_str(), "kernel.domainname" | "kernel.hostname");
        if !namespaced {
            return invalid(format!("sysctl '{name}' is not whitelisted"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
