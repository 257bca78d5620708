//! Answer to `GET /containers/{id}/json`.

use super::{Config, HostConfig, MountPoint, PortMap};
use crate::json::is_zero;
use crate::network::EndpointSettings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A container in full. Times are RFC 3339 with nanoseconds; `0001-01-01T00:00:00Z` means never.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Inspect {
    /// Id, 64 hexadecimal digits.
    pub id: String,
    /// Time of creation.
    pub created: String,
    /// Executable.
    pub path: String,
    /// Arguments of the executable.
    pub args: Vec<String>,
    /// State of the process.
    pub state: State,
    /// Id of the image, with `sha256:`.
    pub image: String,
    /// Host path of `/etc/resolv.conf`.
    pub resolv_conf_path: String,
    /// Host path of `/etc/hostname`.
    pub hostname_path: String,
    /// Host path of `/etc/hosts`.
    pub hosts_path: String,
    /// Host path of the log.
    pub log_path: String,
    /// Name with a leading slash.
    pub name: String,
    /// Number of restarts by the restart policy.
    pub restart_count: i64,
    /// Storage driver.
    pub driver: String,
    /// Operating system.
    pub platform: String,
    /// SELinux label of mounts.
    pub mount_label: String,
    /// SELinux label of the process.
    pub process_label: String,
    /// AppArmor profile.
    pub app_armor_profile: String,
    /// Running execs; `null` when none.
    #[serde(rename = "ExecIDs")]
    pub exec_ids: Option<Vec<String>>,
    /// Host-dependent configuration.
    pub host_config: HostConfig,
    /// What the storage driver tells about the root file system.
    pub graph_driver: DriverData,
    /// Bytes written by the container; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_rw: Option<i64>,
    /// Bytes of the whole root file system; only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_root_fs: Option<i64>,
    /// Mounts.
    pub mounts: Vec<MountPoint>,
    /// Portable configuration.
    pub config: Config,
    /// Networks and addresses.
    pub network_settings: NetworkSettings,
}

/// State of a container's process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct State {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub status: String,
    /// The process runs; true too while paused or restarting.
    pub running: bool,
    /// The processes are frozen.
    pub paused: bool,
    /// The restart policy is about to start it again.
    pub restarting: bool,
    /// The last exit was caused by the out-of-memory killer.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Removal failed halfway.
    pub dead: bool,
    /// Process id on the host; 0 when not running.
    pub pid: i64,
    /// Code of the last exit.
    pub exit_code: i64,
    /// Why the last start failed.
    pub error: String,
    /// Time of the last start.
    pub started_at: String,
    /// Time of the last exit.
    pub finished_at: String,
    /// Result of health checks, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// Result of health checks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Health {
    /// `none`, `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Consecutive failures.
    pub failing_streak: i64,
    /// The last results, oldest first.
    pub log: Option<Vec<HealthResult>>,
}

/// Result of one health check.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthResult {
    /// When it started.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// 0 healthy, 1 unhealthy, 2 reserved, other values: error.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

/// What a storage driver tells about a root file system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DriverData {
    /// Values of the driver.
    pub data: Option<BTreeMap<String, String>>,
    /// Name of the driver.
    pub name: String,
}

/// Networks and addresses of a container. The flat fields repeat the default bridge's endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkSettings {
    /// Deprecated, empty.
    pub bridge: String,
    /// Id of the network namespace.
    #[serde(rename = "SandboxID")]
    pub sandbox_id: String,
    /// Path of the network namespace.
    pub sandbox_key: String,
    /// Published and exposed ports.
    pub ports: PortMap,
    /// Deprecated.
    pub hairpin_mode: bool,
    /// Deprecated.
    #[serde(rename = "LinkLocalIPv6Address")]
    pub link_local_ipv6_address: String,
    /// Deprecated.
    #[serde(rename = "LinkLocalIPv6PrefixLen")]
    pub link_local_ipv6_prefix_len: i64,
    /// Deprecated.
    #[serde(rename = "SecondaryIPAddresses")]
    pub secondary_ip_addresses: Option<Vec<Address>>,
    /// Deprecated.
    #[serde(rename = "SecondaryIPv6Addresses")]
    pub secondary_ipv6_addresses: Option<Vec<Address>>,
    /// Id of the endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// IPv4 gateway.
    pub gateway: String,
    /// IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Prefix length of the IPv6 address.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// IPv4 address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Prefix length of the IPv4 address.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// Hardware address.
    pub mac_address: String,
    /// Endpoints by network name.
    pub networks: BTreeMap<String, EndpointSettings>,
}

/// An address with its prefix length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Address {
    /// The address.
    #[serde(skip_serializing_if = "is_zero")]
    pub addr: String,
    /// Its prefix length.
    #[serde(skip_serializing_if = "is_zero")]
    pub prefix_len: i64,
}
