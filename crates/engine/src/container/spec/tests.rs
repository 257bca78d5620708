use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use teu_api::container::{Config, HostConfig};
use teu_oci::runtime::{NamespaceKind, Spec, User};

use super::super::definition::Definition;
use super::super::files::Files;
use super::super::mounts;
use super::super::user::Account;
use super::{Inputs, build};
use crate::machine::Machine;

fn built(config: Config, host: HostConfig, change: impl FnOnce(&mut Inputs<'_>)) -> Spec {
    let mounts = mounts::plan(&config, &host, Vec::new()).expect("mounts");
    let definition = Definition {
        id: "f".repeat(64),
        name: "web".to_owned(),
        created: Timestamp::UNIX_EPOCH,
        image: String::new(),
        config,
        host,
        endpoints: BTreeMap::new(),
        mounts,
        ids: None,
    };
    let user = User { uid: 0, gid: 0, additional_gids: vec![0], ..User::default() };
    let mut inputs = Inputs {
        definition: &definition,
        account: &Account { user, home: "/root".to_owned() },
        files: &Files::of(Path::new("/c"), &definition.id),
        machine: &Machine::bare(),
        joins: Vec::new(),
        own_network: true,
        linked: Vec::new(),
        init: None,
        cgroup_path: "/teu/f".to_owned(),
    };
    change(&mut inputs);
    build(&inputs).expect("a specification")
}

fn plain() -> Config {
    Config { cmd: Some(vec!["true".to_owned()]), hostname: "h".to_owned(), ..Config::default() }
}

fn destinations(spec: &Spec) -> Vec<&str> {
    spec.mounts.iter().filter_map(|m| m.destination.to_str()).collect()
}

fn kinds(spec: &Spec) -> Vec<NamespaceKind> {
    spec.linux.iter().flat_map(|l| &l.namespaces).map(|n| n.kind).collect()
}

#[test]
fn the_default_is_confined() {
    let spec = built(plain(), HostConfig::default(), |_| {});
    let linux = spec.linux.as_ref().expect("linux");
    let process = spec.process.as_ref().expect("a process");
    assert_eq!(process.args, ["true"]);
    assert_eq!(process.capabilities.as_ref().expect("sets").bounding.len(), 14);
    assert!(linux.seccomp.is_some() && linux.masked_paths.len() >= 12 && linux.readonly_paths.len() == 5);
    assert_eq!(kinds(&spec).len(), 6);
    assert!(linux.sysctl.is_empty(), "set when the network is made");
    for path in ["/proc", "/dev/shm", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"] {
        assert!(destinations(&spec).contains(&path), "{path}");
    }
    assert_eq!(spec.hostname, "h");
}

#[test]
fn privileged_is_not() {
    let spec = built(plain(), HostConfig { privileged: true, ..HostConfig::default() }, |_| {});
    let linux = spec.linux.as_ref().expect("linux");
    assert!(linux.seccomp.is_none() && linux.masked_paths.is_empty() && linux.readonly_paths.is_empty());
    assert!(!kinds(&spec).contains(&NamespaceKind::Cgroup));
    let sys = spec.mounts.iter().find(|m| m.destination == Path::new("/sys")).expect("/sys");
    assert!(!sys.options.iter().any(|o| o == "ro"));
    assert_eq!(spec.process.expect("a process").capabilities.expect("sets").bounding.len(), 41);
}

#[test]
fn host_namespaces_are_left_out() {
    let host = HostConfig {
        pid_mode: "host".to_owned(),
        ipc_mode: "host".to_owned(),
        uts_mode: "host".to_owned(),
        network_mode: "host".to_owned(),
        cgroupns_mode: "host".to_owned(),
        ..HostConfig::default()
    };
    let spec = built(plain(), host, |inputs| inputs.own_network = false);
    assert_eq!(kinds(&spec), [NamespaceKind::Mount]);
    assert!(spec.hostname.is_empty() && spec.linux.as_ref().expect("linux").sysctl.is_empty());
    let shm = spec.mounts.iter().find(|m| m.destination == Path::new("/dev/shm")).expect("/dev/shm");
    assert_eq!(shm.kind, "bind");
}

#[test]
fn joined_namespaces_have_a_path() {
    let host = HostConfig { pid_mode: "container:x".to_owned(), ..HostConfig::default() };
    let spec = built(plain(), host, |inputs| {
        inputs.joins = vec![(NamespaceKind::Pid, PathBuf::from("/proc/7/ns/pid"))];
    });
    let linux = spec.linux.expect("linux");
    let pid = linux.namespace(NamespaceKind::Pid).expect("pid");
    assert_eq!(pid.path.as_deref(), Some(Path::new("/proc/7/ns/pid")));
}

#[test]
fn user_mounts_replace_the_engines_own() {
    let host = HostConfig {
        binds: Some(vec!["/my/hosts:/etc/hosts:ro".to_owned(), "/s:/data".to_owned()]),
        tmpfs: Some(BTreeMap::from([("/run".to_owned(), "exec,size=1m".to_owned())])),
        ..HostConfig::default()
    };
    let spec = built(plain(), host, |_| {});
    assert_eq!(destinations(&spec).iter().filter(|d| **d == "/etc/hosts").count(), 1);
    let hosts = spec.mounts.iter().find(|m| m.destination == Path::new("/etc/hosts")).expect("hosts");
    assert_eq!((hosts.source.as_str(), hosts.options.join(",").as_str()), ("/my/hosts", "rbind,rro,rprivate"));
    let run = spec.mounts.iter().find(|m| m.destination == Path::new("/run")).expect("/run");
    assert_eq!(run.options, ["nosuid", "nodev", "exec", "size=1m"]);
}
