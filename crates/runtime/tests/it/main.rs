//! The command line against the kernel, as root: each container has namespaces and a cgroup of its own, and is deleted.

mod exec;
mod hooks;
mod isolation;
mod lifecycle;
mod mounts;
mod old_mounts;
mod process;
mod support;
mod terminal;
mod user_namespace;
