//! What a new process does between `clone3` and `execve`, prepared by its parent.
//!
//! The parent turns the configuration into a list of [`Step`]s, with every path, number and descriptor ready. The child
//! carries them out in order (`crate::init`). A step that fails is reported by its index; the parent says what it was.

pub(crate) mod capabilities;
pub(crate) mod cgroup_mount;
pub(crate) mod create;
mod descriptors;
pub(crate) mod devices;
pub(crate) mod environment;
pub(crate) mod exec;
pub(crate) mod kernel;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod options;
pub(crate) mod process;
mod questions;
mod step;
pub(crate) mod sysctl;
pub(crate) mod text;

pub(crate) use step::*;
