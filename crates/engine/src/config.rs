//! How an engine is set up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use teu_api::container::Ulimit;
use teu_oci::runtime::IdMaps;

/// Settings of an engine, from `dockerd`-style flags and `daemon.json`.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Images, containers, volumes, the state database. `/var/lib/teu` by default.
    pub data_root: PathBuf,
    /// Sockets, FIFOs and whatever may vanish at boot. `/run/teu` by default.
    pub exec_root: PathBuf,
    /// The executable that is run as `<exe> keeper`.
    pub exe: PathBuf,
    /// Parent of the containers' cgroups. `/teu` by default.
    pub cgroup_parent: String,
    /// Layer store driver; chosen by what the kernel can do if not given.
    pub storage_driver: Option<String>,
    /// Labels of the engine itself, shown by `info`.
    pub labels: Vec<String>,
    /// Registries that are spoken to without TLS or verification.
    pub insecure_registries: Vec<String>,
    /// Mirrors of Docker Hub.
    pub registry_mirrors: Vec<String>,
    /// Layers that come from registries at the same time, over all pulls.
    pub max_concurrent_downloads: usize,
    /// DNS servers, search domains and options for containers that name none.
    pub dns: Vec<String>,
    /// See `dns`.
    pub dns_search: Vec<String>,
    /// See `dns`.
    pub dns_options: Vec<String>,
    /// What `host-gateway` stands for in `--add-host`; the bridge's gateway if not given.
    pub host_gateway_ips: Vec<std::net::IpAddr>,
    /// Default log driver and its options.
    pub log_driver: String,
    /// See `log_driver`.
    pub log_opts: BTreeMap<String, String>,
    /// Additional OCI runtimes by name, with their executable.
    pub runtimes: BTreeMap<String, PathBuf>,
    /// Runtime of containers that name none; the built-in one is `teu`.
    pub default_runtime: String,
    /// Default size of `/dev/shm` in bytes.
    pub default_shm_size: u64,
    /// Limits of processes that containers do not set themselves, by name.
    pub default_ulimits: BTreeMap<String, Ulimit>,
    /// `private` or `shareable`, for containers that do not say.
    pub default_ipc_mode: String,
    /// `private` or `host`, for containers that do not say.
    pub default_cgroupns_mode: String,
    /// Whether containers get an init that do not say.
    pub init: bool,
    /// The program that is the init; the built-in one if not given.
    pub init_path: Option<PathBuf>,
    /// Where CDI specifications are, the most important last.
    pub cdi_folders: Vec<PathBuf>,
    /// Whether containers keep running while the daemon is down. Always true in effect; shown by `info`.
    pub live_restore: bool,
    /// `--debug`; shown by `info`.
    pub debug: bool,
    /// Maps of the user namespaces that containers live in that do not ask for the host's (`--userns-remap`).
    pub ids: Option<Arc<IdMaps>>,
    /// Settings of the default networks.
    pub network: teu_network::Config,
}

impl EngineConfig {
    /// The defaults, with `exe` as the executable that becomes the keeper.
    pub fn new(exe: PathBuf) -> Self {
        EngineConfig {
            data_root: PathBuf::from("/var/lib/teu"),
            exec_root: PathBuf::from("/run/teu"),
            exe,
            cgroup_parent: "/teu".to_owned(),
            storage_driver: None,
            labels: Vec::new(),
            insecure_registries: Vec::new(),
            registry_mirrors: Vec::new(),
            max_concurrent_downloads: 3,
            dns: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            host_gateway_ips: Vec::new(),
            log_driver: "json-file".to_owned(),
            log_opts: BTreeMap::new(),
            runtimes: BTreeMap::new(),
            default_runtime: crate::engine::NATIVE_RUNTIME.to_owned(),
            default_shm_size: 64 << 20,
            default_ulimits: BTreeMap::new(),
            default_ipc_mode: "private".to_owned(),
            default_cgroupns_mode: "private".to_owned(),
            init: false,
            init_path: None,
            cdi_folders: vec![PathBuf::from("/etc/cdi"), PathBuf::from("/var/run/cdi")],
            live_restore: true,
            debug: false,
            ids: None,
            network: teu_network::Config::default(),
        }
    }
}
