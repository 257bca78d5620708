//! The engine itself: version and information.

use crate::json::is_zero;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Header of every answer that tells one run of an engine from the next.
pub const INSTANCE: &str = "teu-instance";

/// Answer to `GET /version`. The fields after `components` repeat the engine's for old clients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Version {
    /// Name of the product.
    pub platform: Platform,
    /// The engine and what it is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Component>>,
    /// Version of the engine.
    pub version: String,
    /// Newest API version served.
    pub api_version: String,
    /// Oldest API version served.
    #[serde(rename = "MinAPIVersion", skip_serializing_if = "is_zero")]
    pub min_api_version: String,
    /// Commit the engine was built from.
    pub git_commit: String,
    /// Version of Go; other languages say theirs.
    pub go_version: String,
    /// Operating system.
    pub os: String,
    /// Processor architecture as Go names it.
    pub arch: String,
    /// Kernel release.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_version: String,
    /// Experimental features are on.
    #[serde(skip_serializing_if = "is_zero")]
    pub experimental: bool,
    /// When the engine was built, RFC 3339.
    #[serde(skip_serializing_if = "is_zero")]
    pub build_time: String,
}

/// Name of the product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Platform {
    /// The name.
    pub name: String,
}

/// A part of the engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<BTreeMap<String, String>>,
}

/// Answer to `GET /info`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Info {
    /// Id of the engine.
    #[serde(rename = "ID")]
    pub id: String,
    /// Number of containers.
    pub containers: i64,
    /// Of which run.
    pub containers_running: i64,
    /// Of which are paused.
    pub containers_paused: i64,
    /// Of which do not run.
    pub containers_stopped: i64,
    /// Number of images.
    pub images: i64,
    /// Storage driver.
    pub driver: String,
    /// What the storage driver tells, as pairs.
    pub driver_status: Vec<(String, String)>,
    /// Drivers by kind.
    pub plugins: Plugins,
    /// Memory can be limited.
    pub memory_limit: bool,
    /// Swap can be limited.
    pub swap_limit: bool,
    /// Kernel TCP buffers can be limited.
    #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "is_zero")]
    pub kernel_memory_tcp: bool,
    /// Kernel memory can be limited: said to clients before 1.42.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_memory: bool,
    /// What ran containers once: said to clients before 1.25.
    #[serde(skip_serializing_if = "is_zero")]
    pub execution_driver: String,
    /// The scheduler's period can be set.
    pub cpu_cfs_period: bool,
    /// The scheduler's quota can be set.
    pub cpu_cfs_quota: bool,
    /// Processor weight can be set.
    #[serde(rename = "CPUShares")]
    pub cpu_shares: bool,
    /// Processors can be chosen.
    #[serde(rename = "CPUSet")]
    pub cpu_set: bool,
    /// The number of processes can be limited.
    pub pids_limit: bool,
    /// The kernel forwards IPv4.
    #[serde(rename = "IPv4Forwarding")]
    pub ipv4_forwarding: bool,
    /// Bridged IPv4 packets pass iptables.
    pub bridge_nf_iptables: bool,
    /// Bridged IPv6 packets pass ip6tables.
    #[serde(rename = "BridgeNfIp6tables")]
    pub bridge_nf_ip6tables: bool,
    /// Debug messages are on.
    pub debug: bool,
    /// Open file descriptors.
    pub n_fd: i64,
    /// The out-of-memory killer can be switched off per container.
    pub oom_kill_disable: bool,
    /// Goroutines of the daemon; other languages say their threads.
    pub n_goroutines: i64,
    /// Time of the engine's host, RFC 3339.
    pub system_time: String,
    /// Default log driver.
    pub logging_driver: String,
    /// `cgroupfs`, `systemd` or `none`.
    pub cgroup_driver: String,
    /// `1` or `2`.
    #[serde(skip_serializing_if = "is_zero")]
    pub cgroup_version: String,
    /// Clients listening to events.
    pub n_events_listener: i64,
    /// Kernel release.
    pub kernel_version: String,
    /// Name of the operating system.
    pub operating_system: String,
    /// Version of the operating system.
    #[serde(rename = "OSVersion")]
    pub os_version: String,
    /// `linux`.
    #[serde(rename = "OSType")]
    pub os_type: String,
    /// Processor architecture as `uname -m` names it.
    pub architecture: String,
    /// Address of the default registry.
    pub index_server_address: String,
    /// Configuration of registries.
    pub registry_config: RegistryConfig,
    /// Number of processors.
    #[serde(rename = "NCPU")]
    pub ncpu: i64,
    /// Bytes of memory.
    pub mem_total: i64,
    /// Resources offered to the cluster.
    pub generic_resources: Option<serde_json::Value>,
    /// Data root.
    pub docker_root_dir: String,
    /// Proxy for HTTP.
    pub http_proxy: String,
    /// Proxy for HTTPS.
    pub https_proxy: String,
    /// Hosts reached without proxy.
    pub no_proxy: String,
    /// Host name.
    pub name: String,
    /// Labels of the engine, `key=value`.
    pub labels: Vec<String>,
    /// Experimental features are on.
    pub experimental_build: bool,
    /// Version of the engine.
    pub server_version: String,
    /// Runtimes by name.
    pub runtimes: BTreeMap<String, Runtime>,
    /// Default runtime.
    pub default_runtime: String,
    /// State of the cluster.
    pub swarm: Swarm,
    /// Containers survive the daemon.
    pub live_restore_enabled: bool,
    /// Isolation technology (Windows).
    pub isolation: String,
    /// Init process put in front of commands.
    pub init_binary: String,
    /// Version of containerd; the same as the engine's here.
    pub containerd_commit: Commit,
    /// Version of the runtime.
    pub runc_commit: Commit,
    /// Version of the init process.
    pub init_commit: Commit,
    /// Confinement, `name=seccomp,profile=builtin`.
    pub security_options: Vec<String>,
    /// Name of the product's licence.
    #[serde(skip_serializing_if = "is_zero")]
    pub product_license: String,
    /// Address pools of user-defined networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_address_pools: Option<Vec<AddressPool>>,
    /// Directories of device descriptions.
    #[serde(rename = "CDISpecDirs")]
    pub cdi_spec_dirs: Vec<String>,
    /// Devices that can be asked for by name (1.50).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discovered_devices: Vec<DeviceInfo>,
    /// What the user should know.
    pub warnings: Option<Vec<String>>,
}

/// A device that can be asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceInfo {
    /// Where it comes from: `cdi`.
    pub source: String,
    /// Its name there: `vendor.com/class=name`.
    #[serde(rename = "ID")]
    pub id: String,
}

/// Drivers by kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Plugins {
    /// Volume drivers.
    pub volume: Vec<String>,
    /// Network drivers.
    pub network: Vec<String>,
    /// Authorisation plugins.
    pub authorization: Option<Vec<String>>,
    /// Log drivers.
    pub log: Vec<String>,
}

/// Configuration of registries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RegistryConfig {
    /// Obsolete.
    #[serde(rename = "AllowNondistributableArtifactsCIDRs")]
    pub allow_nondistributable_artifacts_cidrs: Option<Vec<String>>,
    /// Obsolete.
    pub allow_nondistributable_artifacts_hostnames: Option<Vec<String>>,
    /// Networks whose registries are reached without TLS.
    #[serde(rename = "InsecureRegistryCIDRs")]
    pub insecure_registry_cidrs: Vec<String>,
    /// Registries by name.
    pub index_configs: BTreeMap<String, IndexInfo>,
    /// Mirrors of the default registry.
    pub mirrors: Option<Vec<String>>,
}

/// A registry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IndexInfo {
    /// Name.
    pub name: String,
    /// Mirrors.
    pub mirrors: Vec<String>,
    /// Reached by TLS only.
    pub secure: bool,
    /// The default registry.
    pub official: bool,
}

/// An OCI runtime.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Runtime {
    /// Executable.
    #[serde(skip_serializing_if = "is_zero")]
    pub path: String,
    /// Further arguments.
    #[serde(rename = "runtimeArgs", skip_serializing_if = "Option::is_none")]
    pub runtime_args: Option<Vec<String>>,
    /// Shim type, for runtimes that are containerd shims.
    #[serde(rename = "runtimeType", skip_serializing_if = "is_zero")]
    pub runtime_type: String,
    /// Options of the shim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<serde_json::Value>,
    /// What the runtime tells about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<BTreeMap<String, String>>,
}

/// State of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Swarm {
    /// Id of this node.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// Address of this node.
    pub node_addr: String,
    /// `inactive`, `pending`, `active`, `error` or `locked`.
    pub local_node_state: String,
    /// This node is a manager.
    pub control_available: bool,
    /// Why it is in error.
    pub error: String,
    /// Managers known.
    pub remote_managers: Option<serde_json::Value>,
}

/// Version of a part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Commit {
    /// Version found.
    #[serde(rename = "ID")]
    pub id: String,
    /// Version expected.
    pub expected: String,
}

/// Pool from which networks get their subnets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AddressPool {
    /// The pool, `10.0.0.0/8`.
    pub base: String,
    /// Prefix length of a network out of it.
    pub size: u8,
}
