//! Fuzz targets: see `fuzz/README.md`. Not part of the interface.

pub use crate::cgroup::fuzzing::{cgroup_stats, dbus, kernel_text};
pub use crate::netlink::fuzzing::netlink;
pub use crate::seccomp::fuzzing::{seccomp_decides, seccomp_policy, seccomp_program};
