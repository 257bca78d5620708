//! Fuzz targets: requests, what images bring, and texts that containers or the kernel write.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::Timestamp;
use teu_api::container::{Config, CreateRequest, DeviceRequest, HostConfig, PortBinding, UpdateRequest};
use teu_oci::image::ImageConfig;
use teu_oci::runtime::{Process, Spec};

use super::definition::Definition;
use super::spec::{Inputs, check_security, parse_device_rule};
use super::{
    Accounts, Files, cdi, defaults, files, list, merge, mounts, ports, signal, spec, stats, stored, top, update,
    validate,
};
use crate::machine::Machine;
use crate::{EngineConfig, time};

pub use super::list::fuzzing::filters;

/// A request to create a container, up to where the machine is looked at.
pub fn create_request(data: &[u8]) {
    let Ok(request) = teu_api::json::from_slice::<CreateRequest>(data) else { return };
    check(request.config, request.host_config.unwrap_or_default());
}

/// What is accepted becomes a specification with nothing in it that leads out of the root.
fn check(mut config: Config, mut host: HostConfig) {
    // Profiles and devices may be files of the host; those are not read here.
    let names_file = |option: &String| option.starts_with("seccomp") && !option.contains('{');
    if validate::request(&config, &host).is_err() || host.security_opt.iter().flatten().any(names_file) {
        return;
    }
    host.devices = None;
    let id = "f0".repeat(32);
    let (engine, machine) = (EngineConfig::new(PathBuf::from("/data")), machine());
    defaults::fill(&mut config, &mut host, &id, &engine, machine);
    black_box((check_security(&host, machine).is_ok(), ports::requests(&config, &host).is_ok()));
    if validate::host(&host, &engine, machine, &mut Vec::new()).is_err() {
        return;
    }
    let Ok(mounts) = mounts::plan(&config, &host, Vec::new()) else { return };
    assert!(mounts.iter().all(|mount| leads_nowhere(mount.destination.as_ref())), "{mounts:?}");
    let (name, image, endpoints) = ("web".to_owned(), String::new(), BTreeMap::new());
    let created = Timestamp::UNIX_EPOCH;
    let definition = Definition { id, name, created, image, config, host, endpoints, mounts, ids: None };
    let text = stored::definition(&definition).unwrap_or_default();
    assert_eq!(serde_json::from_str::<Definition>(&text).ok().as_ref(), Some(&definition));
    let accounts = Accounts::of("root:x:0:0::/root:/bin/sh\nweb:x:33:33::/w:\n", "www:x:33:web\n");
    let groups = definition.host.group_add.clone().unwrap_or_default();
    let Ok(account) = accounts.resolve(&definition.config.user, &groups) else { return };
    let files = Files::of(Path::new("/data/containers"), &definition.id);
    let inputs = Inputs {
        definition: &definition,
        account: &account,
        files: &files,
        machine,
        joins: Vec::new(),
        own_network: true,
        linked: Vec::new(),
        init: None,
        cgroup_path: "/teu/x".to_owned(),
    };
    if let Ok(spec) = spec::build(&inputs) {
        assert!(spec.mounts.iter().all(|mount| leads_nowhere(&mount.destination)), "{:?}", spec.mounts);
        assert!(spec.process.is_some_and(|process| process.env.iter().all(|variable| variable.contains('='))));
    }
}

fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(Machine::bare)
}

/// Absolute, below the root, without a way back.
fn leads_nowhere(path: &Path) -> bool {
    path.is_absolute() && path != Path::new("/") && path.components().all(|part| part.as_os_str() != "..")
}

/// An image's configuration, merged into an empty request: what an image says is a stranger's.
pub fn image_config(data: &[u8]) {
    let Ok(image) = serde_json::from_slice::<ImageConfig>(data) else { return };
    let mut config = Config::default();
    if merge::with_image(&mut config, &image).is_ok() {
        check(config, HostConfig { publish_all_ports: true, ..HostConfig::default() });
    }
}

/// Values of single options: binds, tmpfs, ports, devices, signals, times, users; and filters of lists.
pub fn options(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let list = || Some(text.split('\n').map(str::to_owned).collect::<Vec<_>>());
    let map = || text.split('\n').map(|line| line.split_once('=').unwrap_or((line, "")));
    let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let ports = |(port, host): (&str, &str)| {
        let binding = PortBinding { host_ip: String::new(), host_port: host.to_owned() };
        (port.to_owned(), Some(vec![binding]))
    };
    for host in [
        HostConfig { binds: list(), ..HostConfig::default() },
        HostConfig { tmpfs: Some(map().map(own).collect()), ..HostConfig::default() },
        HostConfig { port_bindings: Some(map().map(ports).collect()), ..HostConfig::default() },
        HostConfig { extra_hosts: list(), dns: list(), ..HostConfig::default() },
        HostConfig { sysctls: Some(map().map(own).collect()), ..HostConfig::default() },
        HostConfig { cpuset_cpus: text.to_string(), cpuset_mems: text.to_string(), ..HostConfig::default() },
    ] {
        check(Config::default(), host);
    }
    black_box((parse_device_rule(&text).is_ok(), signal::parse(&text).is_ok(), time::parse(&text).is_ok()));
    black_box((ports::container_port(&text).is_ok(), top::fuzzing::has_columns(&text)));
    black_box(list::filter::in_range(&text, 80, "tcp"));
    assert!(list::filter::Names::new(&[&text]).accept(text.trim_start_matches('/')));
    let clean = mounts::clean(&text);
    assert_eq!(mounts::clean(&clean), clean);
}

/// Other limits for a container that exists: to ask twice is to ask once, and what comes of it is as valid as a new one.
pub fn replaced_limits(data: &[u8]) {
    let Ok(request) = teu_api::json::from_slice::<UpdateRequest>(data) else { return };
    for memory in [0, 64 << 20] {
        let mut host = HostConfig { memory, ..HostConfig::default() };
        host.restart_policy.name = "no".to_owned();
        if update::check(&host, &request).is_err() {
            continue;
        }
        update::merge(&mut host, &request);
        let once = host.clone();
        update::merge(&mut host, &request);
        assert_eq!(host, once);
        if validate::limits(&host, machine()).is_ok() {
            black_box(spec::changed_resources(&host, &request));
        }
    }
}

/// `/etc/passwd`, `/etc/group`, `/etc/resolv.conf` and extra hosts; the first line is who is wanted.
pub fn accounts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (wanted, rest) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(account) = Accounts::of(rest, rest).resolve(wanted, &[wanted.to_owned()]) {
        assert_eq!(account.user.additional_gids.first(), Some(&account.user.gid));
    }
    files::fuzzing::name_services(&text);
}

/// A vendor's specification of devices, behind a line with a request for some: what is asked for costs no more than what
/// there is, and a node that is made may be used.
pub fn cdi(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(request) = teu_api::json::from_slice::<DeviceRequest>(&data[..end]) else { return };
    let host = HostConfig { device_requests: Some(vec![request]), ..HostConfig::default() };
    let text = &data[end..];
    let Ok(known) = cdi::devices(text, false).or_else(|_| cdi::devices(text, true)) else { return };
    let Ok(edits) = cdi::chosen(&host, &known.into_iter().collect()) else { return };
    let mut spec = Spec { process: Some(Process::default()), ..Spec::default() };
    if edits.into_iter().try_for_each(|edits| edits.apply(&mut spec)).is_ok()
        && let Some(linux) = spec.linux
    {
        let rules = linux.resources.unwrap_or_default().devices;
        // Pipes have no numbers.
        for device in linux.devices.into_iter().filter(|device| device.kind != "p") {
            let is_its = |numbers| numbers == (Some(device.major), Some(device.minor));
            assert!(rules.iter().any(|rule| rule.allow && is_its((rule.major, rule.minor))));
        }
    }
}

/// Texts of procfs that `stats` and `top` read; the name of a process is its own.
pub fn kernel_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    black_box((stats::fuzzing::kernel_text(&text), top::fuzzing::process(&text)));
}
