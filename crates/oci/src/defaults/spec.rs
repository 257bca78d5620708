//! A whole configuration to start from.

use super::{DEFAULT_CAPABILITIES, MASKED_PATHS, READONLY_PATHS, SHM_SIZE, device_rules, mounts};
use crate::runtime::{Capabilities, Linux, Namespace, NamespaceKind, Process, Resources, Root, Spec, VERSION};

/// Docker's container before anything was asked for: namespaces of its own but for users and, on cgroup v1, cgroups.
///
/// The seccomp profile is left out, since it depends on the capabilities: see [`default_profile`](super::default_profile).
#[must_use]
pub fn spec() -> Spec {
    let kinds =
        [NamespaceKind::Mount, NamespaceKind::Network, NamespaceKind::Uts, NamespaceKind::Pid, NamespaceKind::Ipc];
    Spec {
        oci_version: VERSION.into(),
        process: Some(Process {
            cwd: "/".into(),
            capabilities: Some(granted(&DEFAULT_CAPABILITIES)),
            ..Process::default()
        }),
        root: Some(Root::default()),
        mounts: mounts(SHM_SIZE),
        linux: Some(Linux {
            resources: Some(Resources { devices: device_rules(), ..Resources::default() }),
            namespaces: kinds.map(Namespace::new).into(),
            masked_paths: MASKED_PATHS.map(Into::into).into(),
            readonly_paths: READONLY_PATHS.map(Into::into).into(),
            ..Linux::default()
        }),
        ..Spec::default()
    }
}

/// Capabilities of a process that runs as root: bounding, effective and permitted. The inheritable set stays empty, or
/// programs with inheritable file capabilities would gain them (CVE-2022-24769).
fn granted(names: &[&str]) -> Capabilities {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    Capabilities { bounding: names.clone(), effective: names.clone(), permitted: names, ..Capabilities::default() }
}
