use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a runtime can do: the output of `features`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Features {
    /// Oldest `ociVersion` that is understood.
    pub oci_version_min: String,
    /// Newest `ociVersion` that is understood.
    pub oci_version_max: String,
    /// Hooks that are run.
    pub hooks: Vec<String>,
    /// Mount options that are understood.
    pub mount_options: Vec<String>,
    /// What is particular to Linux.
    pub linux: LinuxFeatures,
    /// Free-form metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Annotations of a configuration that change what the runtime does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub potentially_unsafe_config_annotations: Vec<String>,
}

/// The Linux part of [`Features`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LinuxFeatures {
    /// Kinds of namespaces.
    pub namespaces: Vec<String>,
    /// Capabilities.
    pub capabilities: Vec<String>,
    /// Cgroups.
    pub cgroup: CgroupFeatures,
    /// Seccomp.
    pub seccomp: SeccompFeatures,
    /// AppArmor.
    pub apparmor: Enabled,
    /// SELinux.
    pub selinux: Enabled,
    /// Intel RDT.
    pub intel_rdt: Enabled,
    /// Mount extensions.
    pub mount_extensions: MountExtensions,
    /// Moving network devices.
    pub net_devices: Enabled,
}

/// Cgroup versions and managers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CgroupFeatures {
    /// Version 1.
    pub v1: bool,
    /// Version 2.
    pub v2: bool,
    /// Through systemd.
    pub systemd: bool,
    /// Through the user's systemd.
    pub systemd_user: bool,
    /// The rdma controller.
    pub rdma: bool,
}

/// What system call filters can say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompFeatures {
    /// Whether filters are supported.
    pub enabled: bool,
    /// Actions.
    pub actions: Vec<String>,
    /// Comparisons.
    pub operators: Vec<String>,
    /// Architectures.
    pub archs: Vec<String>,
    /// Flags the runtime knows of.
    pub known_flags: Vec<String>,
    /// Flags that the kernel takes.
    pub supported_flags: Vec<String>,
}

/// Extensions of mounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountExtensions {
    /// Mounts with id mappings.
    pub idmap: Enabled,
}

/// Whether something is supported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enabled {
    /// Whether it is.
    pub enabled: bool,
}
