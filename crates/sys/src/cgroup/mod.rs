//! Control groups: v1 with one mount per controller or several together, hybrid, and v2 unified.
//!
//! A [`Hierarchy`] is what the machine has mounted. A [`Cgroup`] is one group in all of it: one directory on v2, one
//! per mount on v1. [`Resources`] are limits in the vocabulary of the OCI runtime specification; each controller's
//! file turns them into the kernel's files for whichever version carries that controller.
//!
//! # Joining
//!
//! * The unified hierarchy (v2, hybrid): pass [`Cgroup::clone_fd`] to `clone3` with `CLONE_INTO_CGROUP`.
//! * v1 hierarchies (also of hybrid): open [`Cgroup::join_fds`] before the clone, and let the *child, while
//!   single-threaded,* write `"0"` to each. A thread that moves itself through `tasks` takes no machine-wide lock (kernel:
//!   `cgroup_procs_write_start`), while writing another's id to `cgroup.procs` waits for an RCU grace period:
//!   57 µs against 474 µs for ten hierarchies. A new cgroup namespace must be unshared after that.
//! * [`Cgroup::attach`] moves a process from outside; it works always and costs the most.

mod controller;
mod cpu;
mod cpuset;
mod device_table;
mod devices;
mod error;
mod file;
mod freezer;
pub(crate) mod fuzzing;
mod group;
mod hierarchy;
mod hugetlb;
mod io;
mod join;
mod kill;
mod memory;
mod pids;
mod pressure;
mod rdma;
mod resources;
mod stats;
mod subtree;
mod systemd;
mod watch;

pub use controller::Controller;
pub use devices::{DeviceAccess, DeviceKind, DeviceRule};
pub use error::{Error, Result};
pub use group::Cgroup;
pub use hierarchy::{Hierarchy, Version};
pub use resources::{
    Cpu, Cpuset, DeviceNumber, DeviceRate, DeviceWeight, HugetlbLimit, Io, Memory, RdmaLimit, Resources,
};
pub use stats::{
    CpuStats, HugetlbStats, IoEntry, IoStats, MemoryStats, PidsStats, Pressure, PressureLine, Stats, Throttling,
};
pub use systemd::{ScopeHolder, SystemdPath};
pub use watch::{OomWatch, PopulatedWatch};
