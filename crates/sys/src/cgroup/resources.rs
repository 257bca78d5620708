//! Limits, in the vocabulary and units of the OCI runtime specification.

use std::collections::BTreeMap;
use std::fmt;

use super::DeviceRule;

/// What a cgroup may use. `None` and empty mean "leave as it is".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Processor time.
    pub cpu: Cpu,
    /// Which processors and memory nodes.
    pub cpuset: Cpuset,
    /// Memory and swap.
    pub memory: Memory,
    /// Most tasks; -1 is unlimited.
    pub pids: Option<i64>,
    /// Block devices.
    pub io: Io,
    /// Access to device nodes: the whole list, applied in order, the last match deciding. `None` leaves it alone.
    pub devices: Option<Vec<DeviceRule>>,
    /// Huge pages.
    pub hugetlb: Vec<HugetlbLimit>,
    /// RDMA devices.
    pub rdma: Vec<RdmaLimit>,
    /// v2 only: files of the cgroup, by name, written last. On v1 a non-empty map is an error.
    pub unified: BTreeMap<String, String>,
}

/// Processor time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Relative weight as v1 counts it, 2 to 262144; 1024 is usual. Converted to `cpu.weight` on v2.
    pub shares: Option<u64>,
    /// Microseconds of processor time in a period; -1 is unlimited.
    pub quota: Option<i64>,
    /// Length of a period in microseconds, 1000 to 1000000.
    pub period: Option<u64>,
    /// Microseconds that may be saved up beyond the quota.
    pub burst: Option<u64>,
    /// v1: microseconds of realtime scheduling in a realtime period. Ignored on v2, which has no such control.
    pub realtime_runtime: Option<i64>,
    /// v1: length of a realtime period in microseconds.
    pub realtime_period: Option<u64>,
    /// `cpu.idle`: 1 runs the group only when nothing else wants to.
    pub idle: Option<i64>,
}

/// Which processors and memory nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cpuset {
    /// Processors as a kernel list: `0-2,7`.
    pub cpus: Option<String>,
    /// Memory nodes as a kernel list.
    pub mems: Option<String>,
}

/// Memory and swap, in bytes; -1 is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Hard limit.
    pub limit: Option<i64>,
    /// Hard limit of memory **and** swap together.
    pub swap: Option<i64>,
    /// Soft limit: v1 `memory.soft_limit_in_bytes`, v2 `memory.low`.
    pub reservation: Option<i64>,
    /// v1: limit of kernel memory for TCP buffers.
    pub kernel_tcp: Option<i64>,
    /// v1: 0 to 100. Ignored on v2, which has no such control.
    pub swappiness: Option<u64>,
    /// v1: tasks wait for memory instead of being killed. Ignored on v2, which has no such control.
    pub disable_oom_killer: Option<bool>,
    /// v2: the whole group is killed when one of its tasks would be (`memory.oom.group`). Ignored on v1.
    pub oom_group: Option<bool>,
    /// Refuse to set a limit below what is in use now, rather than reclaim and kill (OCI `checkBeforeUpdate`).
    pub check_before_update: bool,
}

/// Block devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Io {
    /// Relative weight as v1 counts it, 10 to 1000. Converted on v2.
    pub weight: Option<u16>,
    /// v1 with CFQ: weight of the group's own tasks against its children.
    pub leaf_weight: Option<u16>,
    /// Weights for single devices.
    pub weight_devices: Vec<DeviceWeight>,
    /// Most bytes read in a second.
    pub read_bps: Vec<DeviceRate>,
    /// Most bytes written in a second.
    pub write_bps: Vec<DeviceRate>,
    /// Most reads in a second.
    pub read_iops: Vec<DeviceRate>,
    /// Most writes in a second.
    pub write_iops: Vec<DeviceRate>,
}

/// A block device's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl DeviceNumber {
    /// Parses `major:minor`.
    #[must_use]
    pub fn parse(text: &str) -> Option<DeviceNumber> {
        let (major, minor) = text.split_once(':')?;
        Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Weight of one block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceWeight {
    /// Which device.
    pub device: DeviceNumber,
    /// 10 to 1000; 0 removes the setting.
    pub weight: Option<u16>,
    /// As [`Io::leaf_weight`].
    pub leaf_weight: Option<u16>,
}

/// Rate of one block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRate {
    /// Which device.
    pub device: DeviceNumber,
    /// Bytes or operations in a second; 0 removes the limit.
    pub rate: u64,
}

/// Limit of one size of huge pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HugetlbLimit {
    /// Page size as the kernel names it: `2MB`, `1GB`.
    pub page_size: String,
    /// Bytes.
    pub limit: u64,
}

/// Limit of one RDMA device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdmaLimit {
    /// Device name, such as `mlx4_0`.
    pub device: String,
    /// Most handles; `None` is unlimited.
    pub hca_handles: Option<u32>,
    /// Most objects; `None` is unlimited.
    pub hca_objects: Option<u32>,
}

impl Resources {
    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Resources::default()
    }
}
