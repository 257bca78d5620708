//! An OCI runtime as a library and a command line.
//!
//! [`Launch::create`] compiles a container's configuration into a plan, clones the container's first process into its new
//! namespaces, and lets it carry the plan out: mounts, devices, credentials. Between `clone3` and `execve` that process makes
//! system calls only. It then waits for [`Created::start`]. [`ExecRequest::run`] does the same for a process that is added to
//! a running container. No other process is started on the way, except for hooks.
//!
//! A thread may make the network namespace meanwhile ([`NewNetwork`]); it has ended before the clone.
//!
//! The caller must be single-threaded where a namespace of process ids is joined (the membership for children is set and
//! reset around the clone), and should be small, since its page tables are copied. Its executable should be protected from
//! the containers that it starts: the command line re-executes itself from a read-only overlay.

mod channel;
pub mod cli;
mod common;
mod container;
mod copy_up;
mod create;
mod error;
mod exec;
#[doc(hidden)]
pub mod fuzzing;
mod hooks;
mod idmap;
mod init;
mod launch;
mod listener;
mod netns;
mod plan;
pub mod resources;
mod seal;
pub mod seccomp;
mod spawn;
mod start;
mod stock;

pub use common::CommonDirectories;
pub use error::{Error, Reason};
pub use exec::ExecRequest;
pub use launch::{ABANDONED, Begun, CREATED, Created, Launch, Rootfs, Running, Stdio, WindowSize};
pub use netns::NewNetwork;
pub use seal::protect_executable;
pub use start::run_poststop_hooks;
pub use stock::Stock;
