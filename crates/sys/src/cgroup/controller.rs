//! The controllers Teu knows.

use std::fmt;

/// A kernel controller. `cpuacct` and `freezer` are controllers on v1 and built into every group on v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// Processor weight and quota.
    Cpu,
    /// v1: processor accounting.
    Cpuacct,
    /// Processors and memory nodes.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// Number of tasks.
    Pids,
    /// Block devices: `blkio` on v1, `io` on v2.
    Io,
    /// v1: device nodes. v2 has an eBPF hook instead.
    Devices,
    /// v1: freezing. v2 has `cgroup.freeze`.
    Freezer,
    /// Huge pages.
    Hugetlb,
    /// RDMA devices.
    Rdma,
    /// Scalar resources of no controller of their own.
    Misc,
}

impl Controller {
    /// Every controller.
    pub const ALL: [Controller; 11] = [
        Controller::Cpu,
        Controller::Cpuacct,
        Controller::Cpuset,
        Controller::Memory,
        Controller::Pids,
        Controller::Io,
        Controller::Devices,
        Controller::Freezer,
        Controller::Hugetlb,
        Controller::Rdma,
        Controller::Misc,
    ];

    /// The name v1 uses in mount options and `/proc/self/cgroup`.
    #[must_use]
    pub fn v1_name(self) -> &'static str {
        match self {
            Controller::Io => "blkio",
            other => other.v2_name(),
        }
    }

    /// The name v2 uses in `cgroup.controllers`.
    #[must_use]
    pub fn v2_name(self) -> &'static str {
        match self {
            Controller::Cpu => "cpu",
            Controller::Cpuacct => "cpuacct",
            Controller::Cpuset => "cpuset",
            Controller::Memory => "memory",
            Controller::Pids => "pids",
            Controller::Io => "io",
            Controller::Devices => "devices",
            Controller::Freezer => "freezer",
            Controller::Hugetlb => "hugetlb",
            Controller::Rdma => "rdma",
            Controller::Misc => "misc",
        }
    }

    /// The controller of a v1 mount option.
    #[must_use]
    pub fn from_v1_name(name: &str) -> Option<Controller> {
        Self::ALL.into_iter().find(|c| c.v1_name() == name)
    }

    /// The controller of a word in `cgroup.controllers`.
    #[must_use]
    pub fn from_v2_name(name: &str) -> Option<Controller> {
        Self::ALL.into_iter().find(|c| c.v2_name() == name)
    }

    pub(super) fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.v2_name())
    }
}
