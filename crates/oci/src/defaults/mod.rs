//! What a container gets if nothing else is asked for: Docker's defaults, as OCI types.
//!
//! `seccomp.json` is Docker's default system call profile, unchanged (moby/profiles, `seccomp/default.json`, Apache-2.0).

mod capabilities;
mod devices;
mod mounts;
mod seccomp;
mod spec;

pub use capabilities::{ALL_CAPABILITIES, CapabilityError, DEFAULT_CAPABILITIES, capabilities};
pub use devices::{device_rules, privileged_device_rules};
pub use mounts::{MASKED_PATHS, READONLY_PATHS, SHM_SIZE, masked_thermal_paths, mounts};
pub use seccomp::{KernelVersion, Profile, ProfileError, Target, default_profile, parse_profile};
pub use spec::spec;
