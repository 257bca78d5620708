//! `info`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use teu_api::system::{AddressPool, Commit, DeviceInfo, IndexInfo, Info, Plugins, RegistryConfig, Runtime, Swarm};

use crate::apparmor::AppArmor;
use crate::container::Phase;
use crate::engine::{NATIVE_RUNTIME, NATIVE_RUNTIME_ALIASES};
use crate::{Engine, Error};

impl Engine {
    /// The engine's settings and counts, and what the machine can do.
    ///
    /// # Errors
    /// The machine does not tell.
    pub async fn system_info(&self) -> Result<Info, Error> {
        let library = self.library()?;
        let images = tokio::task::spawn_blocking(move || library.list(&teu_image::ListOptions::default())).await;
        let images = images.map_err(|e| Error::Part { part: "image", message: e.to_string() })??;
        let name = rustix::system::uname();
        let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
        let config = self.config();
        let commit =
            Commit { id: env!("CARGO_PKG_VERSION").to_owned(), expected: env!("CARGO_PKG_VERSION").to_owned() };
        let mut info = Info {
            id: self.id().to_owned(),
            images: i64::try_from(images.len()).unwrap_or(i64::MAX),
            driver: self.images().driver().to_owned(),
            plugins: plugins(),
            debug: config.debug,
            n_events_listener: i64::try_from(self.events().listeners()).unwrap_or(i64::MAX),
            system_time: Timestamp::now().to_string(),
            logging_driver: config.log_driver.clone(),
            kernel_version: text(name.release()),
            architecture: text(name.machine()),
            name: text(name.nodename()),
            os_type: "linux".to_owned(),
            index_server_address: "https://index.docker.io/v1/".to_owned(),
            registry_config: registries(config),
            docker_root_dir: config.data_root.to_string_lossy().into_owned(),
            labels: config.labels.clone(),
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            runtimes: runtimes(config),
            default_runtime: config.default_runtime.clone(),
            swarm: Swarm { local_node_state: "inactive".to_owned(), ..Swarm::default() },
            live_restore_enabled: config.live_restore,
            // The init is part of this program unless another was configured.
            init_commit: if config.init_path.is_none() { commit.clone() } else { Commit::default() },
            containerd_commit: commit.clone(),
            runc_commit: commit,
            security_options: security_options(self),
            cdi_spec_dirs: config.cdi_folders.iter().map(|folder| folder.to_string_lossy().into_owned()).collect(),
            discovered_devices: devices(config),
            default_address_pools: Some(
                config.network.pools.iter().map(|p| AddressPool { base: p.base.to_string(), size: p.size }).collect(),
            ),
            warnings: Some(self.warnings()?).filter(|warnings| !warnings.is_empty()),
            init_binary: "docker-init".to_owned(),
            ..Info::default()
        };
        self.count_containers(&mut info);
        self.describe_machine(&mut info);
        Ok(info)
    }

    fn warnings(&self) -> Result<Vec<String>, Error> {
        let mut warnings = self.networks()?.warnings();
        let images = self.library().map(|library| library.damaged()).unwrap_or_default();
        let damaged = teu_image::database::kept(&self.config().data_root).into_iter().chain(images);
        warnings.extend(damaged.map(|path| {
            let path = path.display();
            format!(
                "WARNING: a database was damaged and is kept as {path}: what took its place may lack the last changes"
            )
        }));
        warnings.extend(self.machine().apparmor.warning().map(|text| format!("WARNING: {text}")));
        Ok(warnings)
    }

    fn count_containers(&self, info: &mut Info) {
        for handle in self.containers().all() {
            info.containers += 1;
            match handle.view().state.phase {
                Phase::Running(_) | Phase::Restarting(_) => info.containers_running += 1,
                Phase::Paused(_) => info.containers_paused += 1,
                _ => info.containers_stopped += 1,
            }
        }
    }

    fn describe_machine(&self, info: &mut Info) {
        let v2 = self.machine().cgroup_v2;
        let enabled = |path: &str| std::fs::read_to_string(path).is_ok_and(|t| t.trim() == "1");
        let has = |name: &str| v2 || std::path::Path::new("/sys/fs/cgroup").join(name).exists();
        info.cgroup_driver = "cgroupfs".to_owned();
        info.cgroup_version = if v2 { "2" } else { "1" }.to_owned();
        info.memory_limit = has("memory");
        info.swap_limit = has("memory/memory.memsw.limit_in_bytes");
        info.kernel_memory_tcp = !v2 && has("memory/memory.kmem.tcp.limit_in_bytes");
        info.cpu_cfs_period = has("cpu");
        info.cpu_cfs_quota = has("cpu");
        info.cpu_shares = has("cpu");
        info.cpu_set = has("cpuset");
        info.pids_limit = has("pids");
        info.oom_kill_disable = !v2;
        info.ipv4_forwarding = enabled("/proc/sys/net/ipv4/ip_forward");
        info.bridge_nf_iptables = enabled("/proc/sys/net/bridge/bridge-nf-call-iptables");
        info.bridge_nf_ip6tables = enabled("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
        info.n_fd = std::fs::read_dir("/proc/self/fd").map_or(0, |d| i64::try_from(d.count()).unwrap_or(0));
        info.n_goroutines = std::fs::read_dir("/proc/self/task").map_or(0, |d| i64::try_from(d.count()).unwrap_or(0));
        info.ncpu = i64::try_from(self.machine().processors).unwrap_or(1);
        info.mem_total = total_memory();
        (info.operating_system, info.os_version) = operating_system();
    }
}

fn plugins() -> Plugins {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    Plugins {
        volume: list(&["local"]),
        network: list(&["bridge", "host", "null"]),
        authorization: None,
        log: list(&crate::log::DRIVERS),
    }
}

fn runtimes(config: &crate::EngineConfig) -> BTreeMap<String, Runtime> {
    let native = Runtime { path: "teu-runtime".to_owned(), ..Runtime::default() };
    let others = config.runtimes.iter().map(|(name, path)| {
        (name.clone(), Runtime { path: path.to_string_lossy().into_owned(), ..Runtime::default() })
    });
    let names = std::iter::once(NATIVE_RUNTIME).chain(NATIVE_RUNTIME_ALIASES);
    names.map(|name| (name.to_owned(), native.clone())).chain(others).collect()
}

fn registries(config: &crate::EngineConfig) -> RegistryConfig {
    let index = |name: &str, secure, official, mirrors: Vec<String>| {
        (name.to_owned(), IndexInfo { name: name.to_owned(), mirrors, secure, official })
    };
    let (networks, names): (Vec<_>, Vec<_>) = config.insecure_registries.iter().partition(|r| r.contains('/'));
    let mut index_configs = BTreeMap::from([index("docker.io", true, true, config.registry_mirrors.clone())]);
    index_configs.extend(names.into_iter().map(|name| index(name, false, false, Vec::new())));
    let loopback = ["::1/128", "127.0.0.0/8"].map(str::to_owned);
    RegistryConfig {
        insecure_registry_cidrs: loopback.into_iter().chain(networks.into_iter().cloned()).collect(),
        index_configs,
        mirrors: Some(config.registry_mirrors.clone()).filter(|mirrors| !mirrors.is_empty()),
        ..RegistryConfig::default()
    }
}

fn devices(config: &crate::EngineConfig) -> Vec<DeviceInfo> {
    let device = |id| DeviceInfo { source: "cdi".to_owned(), id };
    crate::container::device_names(&config.cdi_folders).into_iter().map(device).collect()
}

fn security_options(engine: &Engine) -> Vec<String> {
    let mut options = Vec::new();
    if engine.machine().apparmor != AppArmor::Off {
        options.push("name=apparmor".to_owned());
    }
    options.push("name=seccomp,profile=builtin".to_owned());
    if engine.machine().cgroup_v2 {
        options.push("name=cgroupns".to_owned());
    }
    if engine.config().ids.is_some() {
        options.push("name=userns".to_owned());
    }
    options
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total_memory() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<i64>().unwrap_or(0) * 1024
}

/// Name and version out of `/etc/os-release`.
fn operating_system() -> (String, String) {
    let text = std::fs::read_to_string("/etc/os-release").or_else(|_| std::fs::read_to_string("/usr/lib/os-release"));
    let text = text.unwrap_or_default();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|v| v.trim_matches('"').to_owned())
    };
    (value("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()), value("VERSION_ID").unwrap_or_default())
}
