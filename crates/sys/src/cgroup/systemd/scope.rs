//! Scopes: groups that systemd makes and leaves to us.
//!
//! systemd wants to be the only one who makes groups outside of those it has delegated. So where it runs, it is asked for a
//! scope with `Delegate=yes`, and told the limits that it would otherwise undo when it reloads. It refuses a scope without
//! processes: a process of ours that does nothing holds the place until the container's first one is there.

use std::os::fd::{AsFd as _, OwnedFd};

use super::connection::Connection;
use super::message::{Properties, Reader, Value, Writer};
use super::{SystemdPath, cpu_list};
use crate::cgroup::cpu::weight_of_shares;
use crate::cgroup::{Cgroup, Error, Hierarchy, Resources, Result, Version};
use crate::{pidfd, process};

/// Keeps an empty scope alive. Dropping it ends the process that does, once the container's own are in.
#[derive(Debug)]
pub struct ScopeHolder {
    process: OwnedFd,
}

impl Drop for ScopeHolder {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = pidfd::send_signal(self.process.as_fd(), libc::SIGKILL);
        let _ = pidfd::wait(self.process.as_fd());
    }
}

impl ScopeHolder {
    fn spawn() -> std::io::Result<(ScopeHolder, u32)> {
        let parent = rustix::process::getpid();
        let idle = move || {
            // Not to be left behind, also if the parent has just ended.
            let follows = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).is_ok();
            while follows && rustix::process::getppid() == Some(parent) {
                // SAFETY: waits for a signal; touches no memory.
                unsafe { libc::pause() };
            }
            1
        };
        let spawned = process::spawn(process::CloneFlags::empty(), None, idle)?;
        Ok((ScopeHolder { process: spawned.pidfd }, spawned.pid.cast_unsigned()))
    }
}

impl Cgroup {
    /// Has systemd make the group, as a scope that is delegated to us. The holder is dropped once the container's first
    /// process is in the group; without any process systemd would remove it.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's reason.
    pub fn create_scope(
        hierarchy: &Hierarchy,
        path: &SystemdPath,
        resources: &Resources,
    ) -> Result<(Cgroup, ScopeHolder)> {
        let unit = path.unit();
        let failed = |reason: String| Error::Systemd { action: "start", unit: unit.clone(), reason };
        let (holder, pid) = ScopeHolder::spawn().map_err(|error| failed(error.to_string()))?;
        let mut properties: Properties = vec![
            ("Description", Value::Text(format!("container {}", path.name))),
            ("Slice", Value::Text(path.slice.clone())),
            ("Delegate", Value::Bool(true)),
            ("DefaultDependencies", Value::Bool(false)),
            ("CollectMode", Value::Text("inactive-or-failed".into())),
            ("PIDs", Value::U32List(vec![pid])),
        ];
        if hierarchy.version() == Version::V2 {
            properties.extend(limits(resources)?);
        }
        let mut body = Writer::default();
        body.text(&unit);
        body.text("replace");
        body.properties(&properties);
        // No further units.
        body.array(8, |_| {});
        let mut systemd = Connection::open().map_err(|error| failed(error.to_string()))?;
        let reply = systemd.call("StartTransientUnit", "ssa(sv)a(sa(sv))", body).map_err(|e| failed(e.to_string()))?;
        let job = Reader::new(&reply).text().ok_or_else(|| failed("it answered with no job".into()))?;
        let result = systemd.wait_for_job(&job).map_err(|error| failed(error.to_string()))?;
        if result != "done" {
            return Err(failed(format!("its job ended with {result:?}")));
        }
        Ok((Cgroup::adopt(hierarchy, &path.cgroup_path())?, holder))
    }

    /// Tells systemd of changed limits, if the group is one of its scopes; it would undo them otherwise. They are applied
    /// as well, since it does not know all.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's reason.
    pub fn tell_systemd(&self, resources: &Resources) -> Result<()> {
        let unit = self.path.rsplit('/').next().filter(|name| name.ends_with(".scope"));
        let Some(unit) = unit.filter(|_| SystemdPath::is_booted() && self.hierarchy.version() == Version::V2) else {
            return Ok(());
        };
        let properties = limits(resources)?;
        if properties.is_empty() {
            return Ok(());
        }
        let failed = |error: std::io::Error| Error::Systemd {
            action: "change",
            unit: unit.to_owned(),
            reason: error.to_string(),
        };
        let mut body = Writer::default();
        body.text(unit);
        // Until the next boot.
        body.u32(1);
        body.properties(&properties);
        Connection::open()
            .and_then(|mut systemd| systemd.call("SetUnitProperties", "sba(sv)", body))
            .map_err(failed)?;
        Ok(())
    }
}

/// Limits as properties of a unit (systemd.resource-control(5)).
fn limits(resources: &Resources) -> Result<Properties> {
    let mut properties = Properties::new();
    let mut add = |name: &'static str, value: Option<Value>| properties.extend(value.map(|value| (name, value)));
    let amount = |value: i64| Value::U64(u64::try_from(value).unwrap_or(u64::MAX));
    let memory = &resources.memory;
    add("MemoryMax", memory.limit.map(amount));
    add("MemoryLow", memory.reservation.map(amount));
    let swap = match (memory.swap, memory.limit) {
        (Some(sum), Some(limit)) if sum >= 0 && limit >= 0 => Some(sum - limit),
        (Some(sum), _) if sum < 0 => Some(-1),
        _ => None,
    };
    add("MemorySwapMax", swap.map(amount));
    add("TasksMax", resources.pids.map(amount));
    let cpu = &resources.cpu;
    add("CPUWeight", cpu.shares.map(|shares| Value::U64(weight_of_shares(shares))));
    add("CPUQuotaPeriodUSec", cpu.period.map(Value::U64));
    add("CPUQuotaPerSecUSec", cpu.quota.map(|quota| Value::U64(quota_per_second(quota, cpu.period))));
    for (name, list) in [("AllowedCPUs", &resources.cpuset.cpus), ("AllowedMemoryNodes", &resources.cpuset.mems)] {
        if let Some(list) = list {
            let invalid = || Error::InvalidValue { what: "list", value: list.clone(), reason: "expected 0-2,7" };
            add(name, Some(Value::Bytes(cpu_list(list).ok_or_else(invalid)?)));
        }
    }
    Ok(properties)
}

/// Microseconds of processor time in a second, rounded up to what systemd can express: 10 ms.
fn quota_per_second(quota: i64, period: Option<u64>) -> u64 {
    let Ok(quota) = u64::try_from(quota) else { return u64::MAX };
    let per_second = quota.saturating_mul(1_000_000) / period.filter(|&period| period > 0).unwrap_or(100_000);
    per_second.next_multiple_of(10_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::{Cpu, Cpuset, Memory};

    #[test]
    fn limits_become_properties() {
        let resources = Resources {
            memory: Memory { limit: Some(100), swap: Some(150), reservation: Some(-1), ..Memory::default() },
            cpu: Cpu { shares: Some(1024), quota: Some(50_000), ..Cpu::default() },
            cpuset: Cpuset { cpus: Some("0-1,9".into()), mems: None },
            pids: Some(-1),
            ..Resources::default()
        };
        let expected: Properties = vec![
            ("MemoryMax", Value::U64(100)),
            ("MemoryLow", Value::U64(u64::MAX)),
            ("MemorySwapMax", Value::U64(50)),
            ("TasksMax", Value::U64(u64::MAX)),
            ("CPUWeight", Value::U64(100)),
            ("CPUQuotaPerSecUSec", Value::U64(500_000)),
            ("AllowedCPUs", Value::Bytes(vec![3, 2])),
        ];
        assert_eq!(limits(&resources).unwrap(), expected);
        let nonsense = Cpuset { cpus: Some("3-1".into()), mems: None };
        assert!(limits(&Resources { cpuset: nonsense, ..Resources::default() }).is_err());
    }
}
