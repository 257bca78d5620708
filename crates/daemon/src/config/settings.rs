//! The configuration in types, and what the engine is told of it.

use super::hosts::{Host, parse_host};
use super::{ConfigError, userns, value};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use teu_api::container::Ulimit;
use teu_engine::EngineConfig;
use teu_network::{AddressPool, FirewallMode, Subnet};

/// Under which name the daemon was called: the defaults of paths differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Personality {
    /// `teu daemon`: nothing is shared with a Docker on the same host.
    Teu,
    /// `dockerd`: takes Docker's place towards clients and reads its configuration file.
    Dockerd,
}

impl Personality {
    pub(crate) fn config_file(self) -> PathBuf {
        PathBuf::from(match self {
            Self::Teu => "/etc/teu/daemon.json",
            Self::Dockerd => "/etc/docker/daemon.json",
        })
    }

    fn host(self) -> Host {
        Host::Unix(PathBuf::from(match self {
            Self::Teu => "/run/teu/teu.sock",
            Self::Dockerd => "/var/run/docker.sock",
        }))
    }
}

/// The options that are honoured.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    pub(crate) hosts: Vec<String>,
    pub(crate) data_root: PathBuf,
    pub(crate) exec_root: PathBuf,
    pub(crate) pidfile: PathBuf,
    pub(crate) group: Option<String>,
    pub(crate) debug: bool,
    pub(crate) log_level: String,
    pub(crate) log_format: String,
    pub(crate) raw_logs: bool,
    pub(crate) shutdown_timeout: Option<i64>,
    pub(crate) live_restore: Option<bool>,

    pub(crate) tls: Option<bool>,
    pub(crate) tlsverify: bool,
    pub(crate) tlscacert: PathBuf,
    pub(crate) tlscert: PathBuf,
    pub(crate) tlskey: PathBuf,

    pub(crate) labels: Vec<String>,
    pub(crate) storage_driver: String,
    pub(crate) cgroup_parent: String,
    pub(crate) runtimes: BTreeMap<String, RuntimeSetting>,
    pub(crate) default_runtime: String,
    pub(crate) default_shm_size: Value,
    pub(crate) cdi_spec_dirs: Vec<PathBuf>,
    pub(crate) default_ulimits: BTreeMap<String, Ulimit>,
    pub(crate) default_ipc_mode: String,
    pub(crate) default_cgroupns_mode: String,
    pub(crate) userns_remap: String,
    pub(crate) init: bool,
    pub(crate) init_path: PathBuf,
    pub(crate) insecure_registries: Vec<String>,
    pub(crate) registry_mirrors: Vec<String>,
    pub(crate) log_driver: String,
    pub(crate) log_opts: BTreeMap<String, String>,
    pub(crate) max_concurrent_downloads: i64,
    pub(crate) max_concurrent_uploads: i64,
    pub(crate) max_download_attempts: i64,

    pub(crate) dns: Vec<String>,
    pub(crate) dns_opts: Vec<String>,
    pub(crate) dns_search: Vec<String>,
    pub(crate) host_gateway_ips: Vec<String>,
    pub(crate) host_gateway_ip: String,

    pub(crate) bridge: String,
    pub(crate) bip: String,
    pub(crate) bip6: String,
    pub(crate) fixed_cidr: String,
    pub(crate) fixed_cidr_v6: String,
    pub(crate) default_gateway: String,
    pub(crate) default_address_pools: Vec<PoolSetting>,
    pub(crate) ipv6: bool,
    pub(crate) mtu: u32,
    pub(crate) icc: Option<bool>,
    pub(crate) ip_masq: Option<bool>,
    pub(crate) ip_forward: Option<bool>,
    pub(crate) iptables: Option<bool>,
    pub(crate) ip: String,
    pub(crate) userland_proxy: Option<bool>,
}

/// An OCI runtime.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct RuntimeSetting {
    pub(crate) path: PathBuf,
    #[serde(rename = "runtimeArgs")]
    pub(crate) args: Vec<String>,
    #[serde(rename = "runtimeType")]
    pub(crate) shim: String,
}

/// A pool of subnets.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PoolSetting {
    pub(crate) base: String,
    pub(crate) size: u8,
}

impl Settings {
    /// Checks what Docker checks after the merge.
    pub(super) fn validate(&self) -> Result<(), String> {
        let levels = ["", "trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"];
        if !levels.contains(&self.log_level.as_str()) {
            return Err(format!("invalid logging level: {}", self.log_level));
        }
        if !["", "text", "json"].contains(&self.log_format.as_str()) {
            return Err(format!("invalid log format: {}", self.log_format));
        }
        if !["", "private", "shareable"].contains(&self.default_ipc_mode.as_str()) {
            return Err(format!("IPC mode \"{}\" is not supported as default", self.default_ipc_mode));
        }
        if !["", "private", "host"].contains(&self.default_cgroupns_mode.as_str()) {
            return Err(format!(
                "default cgroup namespace mode ({}) is invalid; use \"host\" or \"private\"",
                self.default_cgroupns_mode
            ));
        }
        for (value, name) in [
            (self.max_concurrent_downloads, "concurrent downloads"),
            (self.max_concurrent_uploads, "concurrent uploads"),
            (self.max_download_attempts, "download attempts"),
        ] {
            if value < 0 {
                return Err(format!("invalid max {name}: {value}"));
            }
        }
        if let Some(label) = self.labels.iter().find(|label| !label.contains('=')) {
            return Err(format!("bad attribute format: {label}"));
        }
        for (name, runtime) in &self.runtimes {
            if !runtime.shim.is_empty() || !runtime.args.is_empty() {
                return Err(format!("runtime {name}: runtimeType and runtimeArgs are not supported yet"));
            }
        }
        Ok(())
    }

    /// Fills in what was not said and depends on something else.
    pub(super) fn with_defaults(mut self, personality: Personality) -> Self {
        let fill = |path: &mut PathBuf, default: PathBuf| {
            if path.as_os_str().is_empty() {
                *path = default;
            }
        };
        fill(&mut self.data_root, "/var/lib/teu".into());
        fill(&mut self.exec_root, "/run/teu".into());
        let pidfile = match personality {
            Personality::Teu => self.exec_root.join("teu.pid"),
            Personality::Dockerd => "/var/run/docker.pid".into(),
        };
        fill(&mut self.pidfile, pidfile);
        if self.hosts.is_empty() {
            self.hosts = vec![personality.host().to_string()];
        }
        if self.uses_tls() {
            let folder = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".docker");
            fill(&mut self.tlscacert, folder.join("ca.pem"));
            fill(&mut self.tlscert, folder.join("cert.pem"));
            fill(&mut self.tlskey, folder.join("key.pem"));
        }
        self
    }

    /// Whether TCP addresses speak TLS.
    pub(crate) fn uses_tls(&self) -> bool {
        self.tls == Some(true) || self.tlsverify
    }

    /// The addresses to listen on.
    pub(crate) fn addresses(&self, personality: Personality) -> Result<Vec<Host>, ConfigError> {
        let default = personality.host();
        let parse = |text: &String| {
            let parsed = parse_host(text, self.uses_tls(), &default);
            parsed.map_err(|reason| ConfigError::Flag { flag: "host", value: text.clone(), reason })
        };
        self.hosts.iter().map(parse).collect()
    }

    /// What the engine is told.
    pub(crate) fn engine(&self, exe: PathBuf) -> Result<EngineConfig, ConfigError> {
        let mut config = EngineConfig::new(exe);
        config.data_root.clone_from(&self.data_root);
        config.exec_root.clone_from(&self.exec_root);
        config.labels = self.unique_labels()?;
        config.debug = self.debug;
        config.insecure_registries.clone_from(&self.insecure_registries);
        config.registry_mirrors.clone_from(&self.registry_mirrors);
        if self.max_concurrent_downloads > 0 {
            config.max_concurrent_downloads = usize::try_from(self.max_concurrent_downloads).unwrap_or(usize::MAX);
        }
        config.dns.clone_from(&self.dns);
        config.dns_search.clone_from(&self.dns_search);
        config.dns_options.clone_from(&self.dns_opts);
        let gateways = self.host_gateway_ips.iter().chain(given(&self.host_gateway_ip));
        config.host_gateway_ips = gateways.map(|text| parsed("host-gateway-ip", text)).collect::<Result<_, _>>()?;
        config.log_opts.clone_from(&self.log_opts);
        config.runtimes = self.runtimes.iter().map(|(name, runtime)| (name.clone(), runtime.path.clone())).collect();
        config.storage_driver = given(&self.storage_driver).cloned();
        config.cgroup_parent = given(&self.cgroup_parent).cloned().unwrap_or(config.cgroup_parent);
        config.default_runtime = given(&self.default_runtime).cloned().unwrap_or(config.default_runtime);
        config.log_driver = given(&self.log_driver).cloned().unwrap_or(config.log_driver);
        config.default_shm_size = self.shm_size()?.unwrap_or(config.default_shm_size);
        config.default_ulimits.clone_from(&self.default_ulimits);
        config.default_ipc_mode = given(&self.default_ipc_mode).cloned().unwrap_or(config.default_ipc_mode);
        config.default_cgroupns_mode =
            given(&self.default_cgroupns_mode).cloned().unwrap_or(config.default_cgroupns_mode);
        config.init = self.init;
        if !self.cdi_spec_dirs.is_empty() {
            config.cdi_folders.clone_from(&self.cdi_spec_dirs);
        }
        config.init_path = (!self.init_path.as_os_str().is_empty()).then(|| self.init_path.clone());
        config.network = self.network()?;
        config.ids =
            userns::resolve(&self.userns_remap, Path::new("/etc")).map_err(ConfigError::Invalid)?.map(Arc::new);
        config.network.ids.clone_from(&config.ids);
        for address in &self.dns {
            parsed::<IpAddr>("dns", address)?;
        }
        Ok(config)
    }

    fn network(&self) -> Result<teu_network::Config, ConfigError> {
        let mut config = teu_network::Config::default();
        config.bridge = given(&self.bridge).cloned().unwrap_or(config.bridge);
        config.bip = subnet("bip", &self.bip)?;
        config.bip6 = subnet("bip6", &self.bip6)?;
        config.fixed_cidr = subnet("fixed-cidr", &self.fixed_cidr)?;
        config.fixed_cidr_v6 = subnet("fixed-cidr-v6", &self.fixed_cidr_v6)?;
        config.default_gateway =
            given(&self.default_gateway).map(|text| parsed("default-gateway", text)).transpose()?;
        config.ipv6 = self.ipv6;
        config.mtu = (self.mtu != 0).then_some(self.mtu);
        config.icc = self.icc.unwrap_or(config.icc);
        config.masquerade = self.ip_masq.unwrap_or(config.masquerade);
        config.ip_forward = self.ip_forward.unwrap_or(config.ip_forward);
        config.userland_proxy = self.userland_proxy.unwrap_or(config.userland_proxy);
        if self.iptables == Some(false) {
            config.firewall = FirewallMode::Off;
        }
        if let Some(text) = given(&self.ip) {
            config.default_host_ip = parsed("ip", text)?;
        }
        if !self.default_address_pools.is_empty() {
            config.pools = self.default_address_pools.iter().map(pool).collect::<Result<_, _>>()?;
        }
        Ok(config)
    }

    /// Labels without repetitions; two values of one key are a conflict.
    fn unique_labels(&self) -> Result<Vec<String>, ConfigError> {
        let unique: BTreeSet<_> = self.labels.iter().collect();
        let mut by_key = BTreeMap::new();
        for label in &unique {
            let key = label.split_once('=').map_or(label.as_str(), |(key, _)| key);
            if let Some(other) = by_key.insert(key, label) {
                return Err(ConfigError::Invalid(format!("conflict labels for {label} and {other}")));
            }
        }
        Ok(unique.into_iter().cloned().collect())
    }

    fn shm_size(&self) -> Result<Option<u64>, ConfigError> {
        let bytes = match &self.default_shm_size {
            Value::Null => return Ok(None),
            Value::String(text) => value::size(text).ok(),
            other => other.as_i64(),
        };
        let invalid = || ConfigError::Invalid(format!("invalid default-shm-size: {}", self.default_shm_size));
        bytes.and_then(|bytes| u64::try_from(bytes).ok()).map(Some).ok_or_else(invalid)
    }
}

fn given(text: &String) -> Option<&String> {
    (!text.is_empty()).then_some(text)
}

fn parsed<T: FromStr>(flag: &'static str, text: &str) -> Result<T, ConfigError> {
    let reason = || format!("invalid value: {text}");
    text.parse().map_err(|_| ConfigError::Flag { flag, value: text.to_owned(), reason: reason() })
}

fn subnet(flag: &'static str, text: &str) -> Result<Option<Subnet>, ConfigError> {
    if text.is_empty() {
        return Ok(None);
    }
    parsed(flag, text).map(Some)
}

fn pool(setting: &PoolSetting) -> Result<AddressPool, ConfigError> {
    Ok(AddressPool { base: parsed("default-address-pool", &setting.base)?, size: setting.size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        teu_api::json::from_value::<Settings>(&value).unwrap().with_defaults(Personality::Teu)
    }

    #[test]
    fn defaults_keep_clear_of_docker() {
        let settings = settings(json!({}));
        assert_eq!(settings.hosts, ["unix:///run/teu/teu.sock"]);
        assert_eq!(settings.pidfile, PathBuf::from("/run/teu/teu.pid"));
        let engine = settings.engine("/teu".into()).unwrap();
        assert_eq!(engine.data_root, PathBuf::from("/var/lib/teu"));
        assert_eq!(engine.network.bridge, "teu0");
    }

    #[test]
    fn values_reach_the_engine() {
        let settings = settings(json!({
            "bip": "10.9.0.1/24", "mtu": 1400, "icc": false, "iptables": false, "ip": "127.0.0.1",
            "default-address-pools": [{"base": "10.0.0.0/8", "size": 24}], "default-shm-size": "32M",
            "labels": ["a=b", "a=b"], "dns": ["1.1.1.1"], "runtimes": {"x": {"path": "/x"}}, "bridge": null,
        }));
        let engine = settings.engine("/teu".into()).unwrap();
        assert_eq!(engine.network.mtu, Some(1400));
        assert_eq!(engine.network.firewall, FirewallMode::Off);
        assert!(!engine.network.icc);
        assert_eq!(engine.network.pools.len(), 1);
        assert_eq!(engine.default_shm_size, 32 << 20);
        assert_eq!(engine.labels, ["a=b"]);
        assert_eq!(engine.runtimes["x"], PathBuf::from("/x"));
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |value| settings(value).engine("/teu".into()).unwrap_err().to_string();
        assert_eq!(refused(json!({"labels": ["a=b", "a=c"]})), "conflict labels for a=c and a=b");
        assert!(refused(json!({"bip": "x"})).contains("--bip"));
        assert!(refused(json!({"dns": ["zzz"]})).contains("--dns"));
        let invalid = |value| settings(value).validate().unwrap_err();
        assert_eq!(invalid(json!({"log-level": "loud"})), "invalid logging level: loud");
        assert_eq!(invalid(json!({"max-concurrent-downloads": -1})), "invalid max concurrent downloads: -1");
        assert_eq!(invalid(json!({"labels": ["a"]})), "bad attribute format: a");
    }
}
