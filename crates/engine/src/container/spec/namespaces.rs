//! Namespaces, and the kernel parameters that belong to them.

use std::collections::BTreeMap;

use teu_oci::runtime::{Namespace, NamespaceKind};

use super::Inputs;

/// The namespaces a container has for itself or shares with another container.
pub(super) fn build(inputs: &Inputs<'_>) -> Vec<Namespace> {
    let host = &inputs.definition.host;
    let own = [
        (NamespaceKind::User, inputs.definition.ids.is_some()),
        (NamespaceKind::Mount, true),
        (NamespaceKind::Network, inputs.own_network),
        (NamespaceKind::Uts, host.uts_mode != "host"),
        (NamespaceKind::Pid, host.pid_mode != "host"),
        (NamespaceKind::Ipc, host.ipc_mode != "host"),
        (NamespaceKind::Cgroup, own_cgroup(inputs)),
    ];
    own.into_iter().filter(|(_, own)| *own).map(|(kind, _)| namespace(inputs, kind)).collect()
}

fn namespace(inputs: &Inputs<'_>, kind: NamespaceKind) -> Namespace {
    let path = inputs.joins.iter().find(|(joined, _)| *joined == kind).map(|(_, path)| path.clone());
    Namespace { kind, path }
}

/// Docker's default: one of its own with cgroup v2, the host's with v1 and for privileged containers.
fn own_cgroup(inputs: &Inputs<'_>) -> bool {
    let host = &inputs.definition.host;
    match host.cgroupns_mode.as_str() {
        "private" => true,
        "host" => false,
        _ => inputs.machine.cgroup_v2 && !host.privileged,
    }
}

/// Kernel parameters: the user's. Docker's defaults for a network of its own were set when that was made.
pub(super) fn sysctls(inputs: &Inputs<'_>) -> BTreeMap<String, String> {
    inputs.definition.host.sysctls.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}
