//! Linux system interfaces: the only crate with unsafe code.

pub mod activation;
pub mod bpf;
pub mod caps;
pub mod cgroup;
#[doc(hidden)]
pub mod fuzzing;
pub mod heap;
pub mod init;
pub mod kernel;
pub mod keyring;
pub mod loopback;
#[cfg(all(target_env = "musl", target_arch = "x86_64", any(test, not(debug_assertions))))]
mod memory;
#[cfg(target_env = "musl")]
mod messages;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod pidfd;
pub mod process;
pub mod pty;
pub mod quota;
pub mod sched;
pub mod scoped;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod sysctl;
pub mod thread;
pub mod userns;
