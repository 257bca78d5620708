use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Resources, SeccompText, is_default, nullable};

/// The Linux section of a container's configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Linux {
    /// User ids of the container's user namespace.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub uid_mappings: Vec<IdMapping>,
    /// Group ids of the container's user namespace.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub gid_mappings: Vec<IdMapping>,
    /// Kernel parameters, by dotted or slashed name, set in the container's namespaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub sysctl: BTreeMap<String, String>,
    /// Limits enforced by the container's cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Where the container's cgroup is.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub cgroups_path: String,
    /// Namespaces that are made or joined. A kind that is not listed is shared with the runtime.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub namespaces: Vec<Namespace>,
    /// Devices that must be available, beyond the default ones.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub devices: Vec<Device>,
    /// Host network interfaces moved into the container, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub net_devices: BTreeMap<String, NetDevice>,
    /// System call filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompText>,
    /// Propagation of the root mount: `shared`, `slave`, `private`, `unbindable` or one of these with `r` in front.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub rootfs_propagation: String,
    /// Paths that cannot be read inside the container.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub masked_paths: Vec<PathBuf>,
    /// Paths that cannot be written inside the container.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub readonly_paths: Vec<PathBuf>,
    /// SELinux context of the container's mounts.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub mount_label: String,
    /// Intel Resource Director Technology.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intel_rdt: Option<IntelRdt>,
    /// NUMA memory policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicy>,
    /// Execution domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality>,
    /// Offsets of clocks in the container's time namespace, by `monotonic` or `boottime`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "nullable")]
    pub time_offsets: BTreeMap<String, TimeOffset>,
}

impl Linux {
    /// The entry of one kind of namespace, if the container has one of its own or joins one.
    pub fn namespace(&self, kind: NamespaceKind) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.kind == kind)
    }
}

/// A namespace that the container makes (no path) or joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// What the namespace separates.
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// A namespace file to join, such as `/proc/1/ns/net`.
    #[serde(default, skip_serializing_if = "path_is_empty")]
    pub path: Option<PathBuf>,
}

/// An empty path is Go's way to say "none".
fn path_is_empty(path: &Option<PathBuf>) -> bool {
    path.as_ref().is_none_or(|p| p.as_os_str().is_empty())
}

impl Namespace {
    /// A namespace that the container gets for itself.
    pub fn new(kind: NamespaceKind) -> Self {
        Namespace { kind, path: None }
    }

    /// The file of the namespace to join; `None` where a new one is made.
    pub fn join_path(&self) -> Option<&PathBuf> {
        self.path.as_ref().filter(|p| !p.as_os_str().is_empty())
    }
}

/// What a namespace separates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    /// User and group ids, and capabilities.
    User,
    /// Process ids.
    Pid,
    /// Network devices, addresses, ports.
    Network,
    /// Mounts.
    Mount,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host and domain name.
    Uts,
    /// The root of the cgroup hierarchy that is seen.
    Cgroup,
    /// Monotonic and boot time clocks.
    Time,
}

impl NamespaceKind {
    /// All kinds, in the order in which they are joined: the user namespace first, since it gives the rights for the others.
    pub const ALL: [NamespaceKind; 8] = [
        NamespaceKind::User,
        NamespaceKind::Pid,
        NamespaceKind::Network,
        NamespaceKind::Mount,
        NamespaceKind::Ipc,
        NamespaceKind::Uts,
        NamespaceKind::Cgroup,
        NamespaceKind::Time,
    ];

    /// The name in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            NamespaceKind::User => "user",
            NamespaceKind::Pid => "pid",
            NamespaceKind::Network => "network",
            NamespaceKind::Mount => "mount",
            NamespaceKind::Ipc => "ipc",
            NamespaceKind::Uts => "uts",
            NamespaceKind::Cgroup => "cgroup",
            NamespaceKind::Time => "time",
        }
    }

    /// The name of the file in `/proc/<pid>/ns`.
    pub fn file_name(self) -> &'static str {
        match self {
            NamespaceKind::Network => "net",
            NamespaceKind::Mount => "mnt",
            other => other.name(),
        }
    }
}

impl fmt::Display for NamespaceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A range of ids: `container_id .. container_id + size` inside is `host_id .. host_id + size` outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct IdMapping {
    /// First id inside.
    #[serde(rename = "containerID")]
    pub container_id: u32,
    /// First id outside.
    #[serde(rename = "hostID")]
    pub host_id: u32,
    /// How many ids.
    pub size: u32,
}

/// A device node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Device {
    /// Absolute path inside the container.
    pub path: PathBuf,
    /// `c` or `u` for character, `b` for block, `p` for a FIFO.
    #[serde(rename = "type")]
    pub kind: String,
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
    /// Permission bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    /// Owner, in the container's user namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group, in the container's user namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// How a host network interface appears in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetDevice {
    /// Name inside the container. Empty: as outside.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub name: String,
}

/// Execution domain, as `personality(2)` takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Personality {
    /// `LINUX` or `LINUX32`.
    pub domain: String,
    /// Flags; none are defined by the specification yet.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub flags: Vec<String>,
}

/// Offset of one clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeOffset {
    /// Whole seconds.
    #[serde(skip_serializing_if = "is_default")]
    pub secs: i64,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_default")]
    pub nanosecs: u32,
}

/// Intel Resource Director Technology (`resctrl`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IntelRdt {
    /// Class of service.
    #[serde(rename = "closID", skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub clos_id: String,
    /// Lines for the group's `schemata` file.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub schemata: Vec<String>,
    /// Level 3 cache schema.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub l3_cache_schema: String,
    /// Memory bandwidth schema.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub mem_bw_schema: String,
    /// Whether a monitoring group is made.
    #[serde(skip_serializing_if = "super::is_false")]
    pub enable_monitoring: bool,
}

/// NUMA memory policy, as `set_mempolicy(2)` takes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryPolicy {
    /// Mode, such as `MPOL_BIND`.
    pub mode: String,
    /// Nodes, such as `0-3,7`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "nullable")]
    pub nodes: String,
    /// Flags, such as `MPOL_F_STATIC_NODES`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub flags: Vec<String>,
}
