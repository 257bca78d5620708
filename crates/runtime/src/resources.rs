//! Limits: from the OCI's types to those of cgroups.

use teu_oci::runtime as oci;
use teu_sys::cgroup::{
    Cpu, Cpuset, DeviceAccess, DeviceKind, DeviceNumber, DeviceRate, DeviceRule, DeviceWeight, HugetlbLimit, Io,
    Memory, RdmaLimit, Resources,
};

use crate::Error;

/// Limits of a new container. Its device rules start from "nothing" and end with those that every container has.
///
/// # Errors
/// [`Error::InvalidSpec`] if a value makes no sense or asks for a controller that Teu does not have.
pub fn for_new_container(resources: Option<&oci::Resources>) -> Result<Resources, Error> {
    let mut limits = resources.map_or_else(|| Ok(Resources::default()), for_update)?;
    let mut devices = limits.devices.unwrap_or_default();
    devices.extend(always_allowed());
    limits.devices = Some(devices);
    Ok(limits)
}

/// Limits that change a running container. Devices stay as they are if none are named.
///
/// # Errors
/// As [`for_new_container`].
pub fn for_update(resources: &oci::Resources) -> Result<Resources, Error> {
    if resources.network.as_ref().is_some_and(|n| n.class_id.is_some() || !n.priorities.is_empty()) {
        let reason = "network classes and priorities of cgroup v1 are not supported";
        return Err(Error::InvalidSpec(reason.into()));
    }
    let devices: Vec<DeviceRule> = resources.devices.iter().map(device_rule).collect::<Result<_, _>>()?;
    let cpu = resources.cpu.clone().unwrap_or_default();
    Ok(Resources {
        cpuset: Cpuset { cpus: non_empty(&cpu.cpus), mems: non_empty(&cpu.mems) },
        cpu: cpu_time(&cpu),
        memory: resources.memory.as_ref().map(memory).unwrap_or_default(),
        pids: resources.pids.and_then(|pids| pids.limit).map(|limit| if limit > 0 { limit } else { -1 }),
        io: resources.block_io.as_ref().map(block_io).transpose()?.unwrap_or_default(),
        devices: (!devices.is_empty()).then_some(devices),
        hugetlb: resources
            .hugepage_limits
            .iter()
            .map(|limit| HugetlbLimit { page_size: limit.page_size.clone(), limit: limit.limit })
            .collect(),
        rdma: resources
            .rdma
            .iter()
            .map(|(device, limit)| RdmaLimit {
                device: device.clone(),
                hca_handles: limit.hca_handles,
                hca_objects: limit.hca_objects,
            })
            .collect(),
        unified: resources.unified.clone(),
    })
}

/// Zero is "not set" for those who write configurations in Go.
fn non_zero<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn cpu_time(cpu: &oci::Cpu) -> Cpu {
    Cpu {
        shares: non_zero(cpu.shares),
        quota: non_zero(cpu.quota),
        period: non_zero(cpu.period),
        burst: cpu.burst,
        realtime_runtime: non_zero(cpu.realtime_runtime),
        realtime_period: non_zero(cpu.realtime_period),
        idle: cpu.idle,
    }
}

fn memory(memory: &oci::Memory) -> Memory {
    Memory {
        limit: non_zero(memory.limit),
        swap: non_zero(memory.swap),
        reservation: non_zero(memory.reservation),
        kernel_tcp: non_zero(memory.kernel_tcp),
        swappiness: memory.swappiness,
        disable_oom_killer: memory.disable_oom_killer.filter(|disable| *disable),
        oom_group: None,
        check_before_update: memory.check_before_update.unwrap_or(false),
    }
}

fn block_io(io: &oci::BlockIo) -> Result<Io, Error> {
    let rates = |list: &[oci::ThrottleDevice]| -> Result<Vec<DeviceRate>, Error> {
        list.iter().map(|d| Ok(DeviceRate { device: device_number(d.major, d.minor)?, rate: d.rate })).collect()
    };
    let weight = |d: &oci::WeightDevice| {
        let device = device_number(d.major, d.minor)?;
        Ok(DeviceWeight { device, weight: d.weight, leaf_weight: non_zero(d.leaf_weight) })
    };
    Ok(Io {
        weight: non_zero(io.weight),
        leaf_weight: non_zero(io.leaf_weight),
        weight_devices: io.weight_device.iter().map(weight).collect::<Result<_, Error>>()?,
        read_bps: rates(&io.throttle_read_bps_device)?,
        write_bps: rates(&io.throttle_write_bps_device)?,
        read_iops: rates(&io.throttle_read_iops_device)?,
        write_iops: rates(&io.throttle_write_iops_device)?,
    })
}

fn device_number(major: i64, minor: i64) -> Result<DeviceNumber, Error> {
    let number =
        |n: i64| u32::try_from(n).map_err(|_| Error::InvalidSpec(format!("invalid device number {major}:{minor}")));
    Ok(DeviceNumber { major: number(major)?, minor: number(minor)? })
}

fn device_rule(rule: &oci::DeviceRule) -> Result<DeviceRule, Error> {
    let kind = match rule.kind.as_str() {
        "" | "a" => DeviceKind::All,
        "b" => DeviceKind::Block,
        "c" | "u" => DeviceKind::Char,
        other => {
            return Err(Error::InvalidSpec(format!("invalid type {other:?} in a device rule, expected a, b or c")));
        }
    };
    let number = |n: Option<i64>| match n {
        None | Some(-1) => Ok(None),
        Some(n) => {
            u32::try_from(n).map(Some).map_err(|_| Error::InvalidSpec(format!("invalid number {n} in a device rule")))
        }
    };
    let access = device_access(&rule.access)?;
    Ok(DeviceRule { allow: rule.allow, kind, major: number(rule.major)?, minor: number(rule.minor)?, access })
}

/// Letters out of `rwm`; none is all.
fn device_access(letters: &str) -> Result<DeviceAccess, Error> {
    if letters.is_empty() {
        return Ok(DeviceAccess::all());
    }
    letters.chars().try_fold(DeviceAccess::empty(), |access, letter| match letter {
        'r' => Ok(access | DeviceAccess::READ),
        'w' => Ok(access | DeviceAccess::WRITE),
        'm' => Ok(access | DeviceAccess::MKNOD),
        _ => {
            Err(Error::InvalidSpec(format!("invalid access {letters:?} in a device rule, expected letters out of rwm")))
        }
    })
}

/// Making any node (opening it is another matter), the devices that the specification promises, and pseudo terminals.
fn always_allowed() -> impl Iterator<Item = DeviceRule> {
    let rule = |kind, major, minor, access| DeviceRule { allow: true, kind, major, minor, access };
    let all = DeviceAccess::all();
    let make = [DeviceKind::Char, DeviceKind::Block].map(|kind| rule(kind, None, None, DeviceAccess::MKNOD));
    // null, zero, full, random, urandom, tty, ptmx
    let promised = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)];
    let promised = promised.map(|(major, minor)| rule(DeviceKind::Char, Some(major), Some(minor), all));
    make.into_iter().chain(promised).chain([rule(DeviceKind::Char, Some(136), None, all)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Resources, Error> {
        for_update(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn zero_and_absent_leave_things_alone() {
        let json = r#"{"memory":{"limit":0,"swap":0},"cpu":{"shares":0,"quota":0,"period":0,"cpus":""},"blockIO":{"weight":0}}"#;
        assert!(parse(json).unwrap().is_empty());
    }

    #[test]
    fn values_arrive() {
        let limits = parse(
            r#"{"memory":{"limit":-1,"swap":-1,"disableOOMKiller":true,"swappiness":0},"pids":{"limit":0},
                "cpu":{"shares":512,"burst":0,"cpus":"0-1"},"unified":{"memory.high":"1"},
                "hugepageLimits":[{"pageSize":"2MB","limit":9}],"rdma":{"mlx":{"hcaHandles":3}},
                "blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":600}]}}"#,
        )
        .unwrap();
        assert_eq!(limits.memory.limit, Some(-1));
        assert_eq!(limits.memory.swappiness, Some(0));
        assert_eq!(limits.pids, Some(-1));
        assert_eq!((limits.cpu.shares, limits.cpu.burst), (Some(512), Some(0)));
        assert_eq!(limits.cpuset.cpus.as_deref(), Some("0-1"));
        assert_eq!(limits.io.read_bps[0].rate, 600);
        assert_eq!(limits.rdma[0].hca_handles, Some(3));
        assert_eq!(limits.devices, None);
    }

    #[test]
    fn nonsense_is_refused() {
        for json in [
            r#"{"devices":[{"type":"x"}]}"#,
            r#"{"devices":[{"access":"rx"}]}"#,
            r#"{"devices":[{"major":-7}]}"#,
            r#"{"blockIO":{"weightDevice":[{"major":-1,"minor":0}]}}"#,
            r#"{"network":{"classID":1}}"#,
        ] {
            assert!(matches!(parse(json), Err(Error::InvalidSpec(_))), "{json}");
        }
    }

    #[test]
    fn every_container_has_its_basic_devices() {
        let rules = for_new_container(None).unwrap().devices.unwrap();
        assert!(rules.iter().all(|rule| rule.allow));
        assert!(rules.iter().any(|rule| rule.major == Some(136)));
    }
}
