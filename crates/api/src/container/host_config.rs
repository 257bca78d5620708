//! How a container is tied to its host: limits, mounts, ports, namespaces, security.

use super::mount::Mount;
use crate::json::is_zero;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Published ports: container port (`80/tcp`) to host addresses; a missing list asks for an ephemeral port.
pub type PortMap = BTreeMap<String, Option<Vec<PortBinding>>>;

/// The host-dependent configuration of a container (`HostConfig` with its `Resources`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostConfig {
    /// `source:destination[:options]`, the source a path or a volume's name.
    pub binds: Option<Vec<String>>,
    /// File the container's id is written to by the client.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// Where output is logged.
    pub log_config: LogConfig,
    /// `bridge`, `host`, `none`, `container:<id>` or a network's name; empty or `default` means the default bridge.
    pub network_mode: String,
    /// Published ports.
    pub port_bindings: Option<PortMap>,
    /// When the container is started again after its exit.
    pub restart_policy: RestartPolicy,
    /// The container is removed when it exits.
    pub auto_remove: bool,
    /// Driver of volumes created for `binds`.
    pub volume_driver: String,
    /// Containers whose volumes are mounted, as `id[:ro]`.
    pub volumes_from: Option<Vec<String>>,
    /// Initial height and width of the terminal.
    pub console_size: [u32; 2],
    /// Annotations passed to the runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Capabilities added to the default set.
    pub cap_add: Option<Vec<String>>,
    /// Capabilities removed from the default set.
    pub cap_drop: Option<Vec<String>>,
    /// `private`, `host` or empty for the engine's default.
    pub cgroupns_mode: String,
    /// Name servers.
    pub dns: Option<Vec<String>>,
    /// Resolver options.
    pub dns_options: Option<Vec<String>>,
    /// Search domains.
    pub dns_search: Option<Vec<String>>,
    /// Lines of `/etc/hosts`, as `name:address`.
    pub extra_hosts: Option<Vec<String>>,
    /// Supplementary groups.
    pub group_add: Option<Vec<String>>,
    /// `private`, `shareable`, `host`, `none`, `container:<id>` or empty.
    pub ipc_mode: String,
    /// Cgroup to share, `container:<id>` (never implemented by Docker).
    pub cgroup: String,
    /// Legacy links, `name:alias`.
    pub links: Option<Vec<String>>,
    /// Score adjustment for the out-of-memory killer, -1000 to 1000.
    pub oom_score_adj: i64,
    /// `host`, `container:<id>` or empty.
    pub pid_mode: String,
    /// All capabilities and devices, no confinement.
    pub privileged: bool,
    /// Publish every exposed port on an ephemeral host port.
    pub publish_all_ports: bool,
    /// The root file system is read-only.
    pub readonly_rootfs: bool,
    /// `seccomp=…`, `no-new-privileges`, `label=…`, `apparmor=…`, `systempaths=…`.
    pub security_opt: Option<Vec<String>>,
    /// Options of the storage driver, such as `size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_opt: Option<BTreeMap<String, String>>,
    /// Temporary file systems: destination to mount options.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs: Option<BTreeMap<String, String>>,
    /// `host` or empty.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// `host` or empty.
    pub userns_mode: String,
    /// Size of `/dev/shm` in bytes; 0 means the engine's default.
    pub shm_size: i64,
    /// Namespaced kernel parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sysctls: Option<BTreeMap<String, String>>,
    /// Name of the OCI runtime; empty means the engine's default.
    pub runtime: String,
    /// Isolation technology (Windows only).
    pub isolation: String,

    /// Relative processor weight.
    pub cpu_shares: i64,
    /// Memory limit in bytes.
    pub memory: i64,
    /// Processor limit in units of 1e-9 processors.
    pub nano_cpus: i64,
    /// Cgroup under which the container's is made.
    pub cgroup_parent: String,
    /// Relative block I/O weight, 10 to 1000.
    pub blkio_weight: u16,
    /// Block I/O weight per device.
    pub blkio_weight_device: Option<Vec<WeightDevice>>,
    /// Read limit in bytes per second.
    pub blkio_device_read_bps: Option<Vec<ThrottleDevice>>,
    /// Write limit in bytes per second.
    pub blkio_device_write_bps: Option<Vec<ThrottleDevice>>,
    /// Read limit in operations per second.
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Option<Vec<ThrottleDevice>>,
    /// Write limit in operations per second.
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Option<Vec<ThrottleDevice>>,
    /// Scheduler period in microseconds.
    pub cpu_period: i64,
    /// Scheduler quota in microseconds per period.
    pub cpu_quota: i64,
    /// Real-time scheduler period in microseconds.
    pub cpu_realtime_period: i64,
    /// Real-time scheduler runtime in microseconds.
    pub cpu_realtime_runtime: i64,
    /// Processors the container may use, `0-2,4`.
    pub cpuset_cpus: String,
    /// Memory nodes the container may use, `0-2,4`.
    pub cpuset_mems: String,
    /// Host devices made available.
    pub devices: Option<Vec<DeviceMapping>>,
    /// Rules of the device controller, `c 42:* rmw`.
    pub device_cgroup_rules: Option<Vec<String>>,
    /// Devices asked for from drivers (GPUs, CDI).
    pub device_requests: Option<Vec<DeviceRequest>>,
    /// Kernel memory limit in bytes (obsolete).
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_memory: i64,
    /// Kernel TCP buffer limit in bytes (obsolete).
    #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "is_zero")]
    pub kernel_memory_tcp: i64,
    /// Soft memory limit in bytes.
    pub memory_reservation: i64,
    /// Memory and swap limit in bytes; -1 for unlimited swap.
    pub memory_swap: i64,
    /// Swappiness, 0 to 100; missing or -1 for the default.
    pub memory_swappiness: Option<i64>,
    /// The out-of-memory killer is off for the container (cgroup v1).
    pub oom_kill_disable: Option<bool>,
    /// Limit on processes; missing, 0 or -1 for unlimited.
    pub pids_limit: Option<i64>,
    /// Resource limits of the process.
    pub ulimits: Option<Vec<Ulimit>>,
    /// Number of processors (Windows only).
    pub cpu_count: i64,
    /// Processor percentage (Windows only).
    pub cpu_percent: i64,
    /// I/O operations per second (Windows only).
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    /// I/O bytes per second (Windows only).
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,

    /// Mounts in the structured form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Vec<Mount>>,
    /// Paths hidden inside the container; missing means the default list.
    pub masked_paths: Option<Vec<String>>,
    /// Paths made read-only inside the container; missing means the default list.
    pub readonly_paths: Option<Vec<String>>,
    /// Whether an init process reaps in front of the command; missing means the engine's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
}

/// Log driver and its options.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct LogConfig {
    /// Name of the driver; empty means the engine's default.
    #[serde(rename = "Type")]
    pub driver: String,
    /// Options of the driver.
    pub config: Option<BTreeMap<String, String>>,
}

/// When a container is started again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct RestartPolicy {
    /// `no`, `always`, `unless-stopped`, `on-failure` or empty for `no`.
    pub name: String,
    /// Limit of attempts of `on-failure`; 0 is unlimited.
    pub maximum_retry_count: i64,
}

/// One host address of a published port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct PortBinding {
    /// Host address; empty means all.
    pub host_ip: String,
    /// Host port or range; empty means an ephemeral one.
    pub host_port: String,
}

/// A host device made available.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// Path on the host.
    pub path_on_host: String,
    /// Path in the container.
    pub path_in_container: String,
    /// Letters out of `rwm`.
    pub cgroup_permissions: String,
}

/// A request for devices of a driver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceRequest {
    /// Name of the driver, such as `nvidia` or `cdi`.
    pub driver: String,
    /// Number of devices; -1 for all.
    pub count: i64,
    /// Devices by id.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: Option<Vec<String>>,
    /// Alternatives of sets of capabilities.
    pub capabilities: Option<Vec<Vec<String>>>,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
}

/// Block I/O weight of a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WeightDevice {
    /// Path of the device.
    pub path: String,
    /// Weight, 10 to 1000.
    pub weight: u16,
}

/// Block I/O limit of a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ThrottleDevice {
    /// Path of the device.
    pub path: String,
    /// Bytes or operations per second.
    pub rate: u64,
}

/// A resource limit of the process (`setrlimit`); -1 is unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ulimit {
    /// Name without `RLIMIT_`, in lower case.
    pub name: String,
    /// Hard limit.
    pub hard: i64,
    /// Soft limit.
    pub soft: i64,
}
