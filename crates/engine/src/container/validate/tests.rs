use std::collections::BTreeMap;

use teu_api::container::{Config, HostConfig, LogConfig, RestartPolicy};

use crate::machine::Machine;
use crate::{EngineConfig, Error};

fn host() -> HostConfig {
    HostConfig {
        restart_policy: RestartPolicy { name: "no".to_owned(), maximum_retry_count: 0 },
        log_config: LogConfig { driver: "json-file".to_owned(), config: None },
        ..HostConfig::default()
    }
}

fn check(host: &HostConfig) -> Result<(), Error> {
    let engine = EngineConfig::new(std::path::PathBuf::new());
    super::host(host, &engine, &Machine::bare(), &mut Vec::new())
}

fn refused(host: &HostConfig) -> String {
    check(host).expect_err("refused").to_string()
}

#[test]
fn plain_is_fine() {
    check(&host()).expect("valid");
    super::request(&Config::default(), &HostConfig::default()).expect("valid");
}

#[test]
fn limits_in_dockers_words() {
    assert_eq!(refused(&HostConfig { memory: 1024, ..host() }), "Minimum memory limit allowed is 6MB");
    assert_eq!(
        refused(&HostConfig { memory: 8 << 20, memory_swap: 7 << 20, ..host() }),
        "Minimum memoryswap limit should be larger than memory limit, see usage"
    );
    assert_eq!(
        refused(&HostConfig { cpuset_cpus: "0-".to_owned(), ..host() }),
        "Invalid value 0- for cpuset cpus: invalid format: 0-"
    );
    assert_eq!(
        refused(&HostConfig { cpuset_cpus: "1,3-4".to_owned(), ..host() }),
        "Requested CPUs are not available - requested 1,3-4, available: 0-3"
    );
    assert!(check(&HostConfig { cpuset_cpus: "1,2-3".to_owned(), ..host() }).is_ok());
    assert_eq!(
        refused(&HostConfig { cpuset_mems: "0,9".to_owned(), ..host() }),
        "Requested memory nodes are not available - requested 0,9, available: 0"
    );
    assert_eq!(
        refused(&HostConfig { oom_score_adj: 1001, ..host() }),
        "Invalid value 1001, range for oom score adj is [-1000, 1000]"
    );
    assert!(check(&HostConfig { memory: 8 << 20, memory_swap: -1, ..host() }).is_ok());
}

#[test]
fn restart_policies() {
    let policy = |name: &str, count| HostConfig {
        restart_policy: RestartPolicy { name: name.to_owned(), maximum_retry_count: count },
        ..host()
    };
    assert!(check(&policy("on-failure", 3)).is_ok());
    assert!(refused(&policy("on-failure", -1)).contains("cannot be negative"));
    assert!(refused(&policy("always", 3)).contains("can only be used with 'on-failure'"));
    assert!(refused(&policy("sometimes", 0)).contains("unknown policy 'sometimes'"));
    let both = HostConfig { auto_remove: true, ..policy("always", 0) };
    assert_eq!(refused(&both), "can't create 'AutoRemove' container with restart policy");
}

#[test]
fn sysctls() {
    let with = |name: &str, mode: &str| HostConfig {
        sysctls: Some(BTreeMap::from([(name.to_owned(), "1".to_owned())])),
        network_mode: mode.to_owned(),
        ..host()
    };
    assert!(check(&with("net.core.somaxconn", "bridge")).is_ok());
    let shared = with("net.core.somaxconn", "host");
    assert!(check(&shared).is_ok());
    let refusal = super::sysctls_of_host(&shared).expect_err("the host's own").to_string();
    assert!(refusal.ends_with("sysctl \"net.core.somaxconn\" not allowed in host network namespace: unknown"));
    assert!(refused(&with("vm.swappiness", "bridge")).contains("not whitelisted"));
}

#[test]
fn what_user_namespaces_exclude() {
    let mut engine = EngineConfig::new(std::path::PathBuf::new());
    engine.ids = Some(std::sync::Arc::default());
    let check = |host: HostConfig| super::host(&host, &engine, &Machine::bare(), &mut Vec::new());
    let refused = |host: HostConfig| check(host).expect_err("refused").to_string();
    let privileged = HostConfig { privileged: true, ..host() };
    assert!(refused(privileged.clone()).starts_with("privileged mode is incompatible with user namespaces.  You must"));
    let network = HostConfig { network_mode: "host".to_owned(), ..host() };
    assert_eq!(refused(network), "cannot share the host's network namespace when user namespaces are enabled");
    let pid = HostConfig { pid_mode: "host".to_owned(), ..host() };
    assert_eq!(refused(pid), "cannot share the host PID namespace when user namespaces are enabled");
    check(HostConfig { userns_mode: "host".to_owned(), ..privileged }).expect("the way out");
}

#[test]
fn what_is_not_built_says_so() {
    let request = |host: HostConfig| super::request(&Config::default(), &host).expect_err("refused").to_string();
    assert_eq!(request(HostConfig { userns_mode: "x".to_owned(), ..host() }), "invalid user namespace mode: x");
    let other = [("inodes".to_owned(), "1".to_owned())].into();
    assert_eq!(request(HostConfig { storage_opt: Some(other), ..host() }), "Unknown option inodes");
}

#[test]
fn modes() {
    let request = |config: Config, host: HostConfig| super::request(&config, &host).map_err(|e| e.to_string());
    let named = Config { hostname: "h".to_owned(), ..Config::default() };
    let shared = HostConfig { network_mode: "container:x".to_owned(), ..host() };
    assert_eq!(request(named, shared), Err("conflicting options: hostname and the network mode".to_owned()));
    let pid = HostConfig { pid_mode: "nonsense".to_owned(), ..host() };
    assert_eq!(request(Config::default(), pid), Err("invalid PID mode: nonsense".to_owned()));
    let odd = Config { hostname: "-x y".to_owned(), ..Config::default() };
    request(odd, host()).expect("the kernel takes it");
    let long = Config { hostname: "x".repeat(65), ..Config::default() };
    request(long, host()).expect("the kernel says so at the start");
    let null = Config { hostname: "x\0".to_owned(), ..Config::default() };
    assert!(request(null, host()).is_err());
}
