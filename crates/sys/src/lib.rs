//! Linux system interfaces: the only crate with unsafe code.

pub mod bpf;
pub mod cgroup;
pub mod seccomp;
