//! What a cgroup has used.

use std::collections::BTreeMap;

use super::DeviceNumber;

/// What a cgroup has used. A part is `None` when its controller is not available to the group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Processor time.
    pub cpu: Option<CpuStats>,
    /// Memory.
    pub memory: Option<MemoryStats>,
    /// Tasks.
    pub pids: Option<PidsStats>,
    /// Block devices.
    pub io: Option<IoStats>,
    /// Huge pages by size.
    pub hugetlb: BTreeMap<String, HugetlbStats>,
}

/// Processor time, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuStats {
    /// In all.
    pub usage: u64,
    /// In user mode.
    pub user: u64,
    /// In kernel mode.
    pub system: u64,
    /// v1: for each processor. Empty on v2.
    pub per_cpu: Vec<u64>,
    /// v1: in kernel mode for each processor. Empty on v2.
    pub per_cpu_system: Vec<u64>,
    /// v1: in user mode for each processor. Empty on v2.
    pub per_cpu_user: Vec<u64>,
    /// Effects of the quota.
    pub throttling: Throttling,
    /// v2: stalls.
    pub pressure: Option<Pressure>,
}

/// Effects of a processor quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods that passed.
    pub periods: u64,
    /// Periods in which the group was throttled.
    pub throttled_periods: u64,
    /// Nanoseconds for which it was.
    pub throttled_time: u64,
}

/// Memory, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStats {
    /// In use now, page cache included.
    pub usage: u64,
    /// Most that was ever in use, where the kernel says.
    pub max_usage: Option<u64>,
    /// Hard limit; `None` is unlimited.
    pub limit: Option<u64>,
    /// How often the limit was hit.
    pub failures: u64,
    /// Swap in use (v2), or memory and swap in use together (v1).
    pub swap_usage: Option<u64>,
    /// Limit of the same quantity; `None` is unlimited or unknown.
    pub swap_limit: Option<u64>,
    /// Page cache that can be dropped: v1 `total_inactive_file`, v2 `inactive_file`. Docker shows usage less this.
    pub inactive_file: u64,
    /// Page cache: v1 `total_cache`, v2 `file`.
    pub cache: u64,
    /// The kernel's `memory.stat`, unchanged.
    pub stat: BTreeMap<String, u64>,
    /// v2: stalls.
    pub pressure: Option<Pressure>,
}

/// Tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// Limit; `None` is unlimited.
    pub limit: Option<u64>,
}

/// Block devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IoStats {
    /// Each device that was used.
    pub devices: Vec<IoEntry>,
    /// v2: stalls.
    pub pressure: Option<Pressure>,
}

/// One block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoEntry {
    /// Which.
    pub device: DeviceNumber,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Read operations.
    pub read_ops: u64,
    /// Write operations.
    pub write_ops: u64,
}

/// Huge pages of one size, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HugetlbStats {
    /// In use now.
    pub usage: u64,
    /// Most that was ever in use (v1 only).
    pub max_usage: Option<u64>,
    /// How often the limit was hit.
    pub failures: u64,
}

/// Stalls for want of a resource (kernel documentation: accounting/psi).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Some tasks stalled.
    pub some: PressureLine,
    /// All tasks stalled.
    pub full: PressureLine,
}

/// One line of a pressure file. Averages are hundredths of a percent of wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PressureLine {
    /// Over 10 seconds.
    pub avg10: u32,
    /// Over 60 seconds.
    pub avg60: u32,
    /// Over 300 seconds.
    pub avg300: u32,
    /// Microseconds in all.
    pub total: u64,
}
