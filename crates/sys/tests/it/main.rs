//! Tests that need a kernel, and mostly root.

mod cgroup;
mod seccomp;
