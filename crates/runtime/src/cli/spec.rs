use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use teu_oci::runtime as oci;
use teu_oci::runtime::{IdMapping, Namespace, NamespaceKind};

use super::arguments::Spec;

/// `spec`
pub(super) fn run(args: &Spec) -> Result<ExitCode> {
    let path = args.bundle.join("config.json");
    let spec = if args.rootless { rootless(example()) } else { example() };
    let text = serde_json::to_string_pretty(&spec)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .with_context(|| format!("write {}", path.display()))?;
    writeln!(file, "{text}").with_context(|| format!("write {}", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// A configuration to start from: a shell with few privileges.
fn example() -> oci::Spec {
    let namespaces = [
        NamespaceKind::Pid,
        NamespaceKind::Network,
        NamespaceKind::Ipc,
        NamespaceKind::Uts,
        NamespaceKind::Mount,
        NamespaceKind::Cgroup,
    ];
    let deny = oci::DeviceRule { access: "rwm".into(), ..oci::DeviceRule::default() };
    oci::Spec {
        oci_version: oci::VERSION.into(),
        process: Some(process()),
        root: Some(oci::Root { path: "rootfs".into(), readonly: true }),
        hostname: "teu".into(),
        mounts: mounts(),
        linux: Some(oci::Linux {
            resources: Some(oci::Resources { devices: vec![deny], ..oci::Resources::default() }),
            namespaces: namespaces.map(Namespace::new).to_vec(),
            masked_paths: MASKED.iter().map(Into::into).collect(),
            readonly_paths: READONLY.iter().map(Into::into).collect(),
            ..oci::Linux::default()
        }),
        ..oci::Spec::default()
    }
}

/// As containers have them everywhere.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
    "/proc/scsi",
];
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn process() -> oci::Process {
    let capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"].map(str::to_owned).to_vec();
    oci::Process {
        terminal: true,
        args: vec!["sh".into()],
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(), "TERM=xterm".into()],
        cwd: "/".into(),
        capabilities: Some(oci::Capabilities {
            bounding: capabilities.clone(),
            effective: capabilities.clone(),
            permitted: capabilities,
            ..oci::Capabilities::default()
        }),
        rlimits: vec![oci::Rlimit { kind: "RLIMIT_NOFILE".into(), hard: 1024, soft: 1024 }],
        no_new_privileges: true,
        ..oci::Process::default()
    }
}

fn mounts() -> Vec<oci::Mount> {
    let mount = |destination: &str, kind: &str, source: &str, options: &str| oci::Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: source.into(),
        options: options.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect(),
        ..oci::Mount::default()
    };
    vec![
        mount("/proc", "proc", "proc", ""),
        mount("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
        mount("/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
        mount("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k"),
        mount("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
        mount("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro"),
    ]
}

/// Changes a configuration to one that an ordinary user can run.
fn rootless(mut spec: oci::Spec) -> oci::Spec {
    let map = |host: u32| vec![IdMapping { container_id: 0, host_id: host, size: 1 }];
    if let Some(linux) = &mut spec.linux {
        // The host's network: a user cannot give a new one a connection.
        linux.namespaces.retain(|n| n.kind != NamespaceKind::Network);
        linux.namespaces.push(Namespace::new(NamespaceKind::User));
        linux.uid_mappings = map(rustix::process::geteuid().as_raw());
        linux.gid_mappings = map(rustix::process::getegid().as_raw());
        linux.resources = None;
    }
    for mount in &mut spec.mounts {
        mount.options.retain(|o| !o.starts_with("gid="));
        if mount.kind == "sysfs" {
            // sysfs can be mounted only by who owns the network namespace.
            mount.kind = "none".into();
            mount.source = "/sys".into();
            mount.options = ["rbind", "nosuid", "noexec", "nodev", "ro"].map(str::to_owned).to_vec();
        }
    }
    spec.mounts.retain(|m| m.kind != "cgroup");
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_configuration_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let args = |rootless| Spec { bundle: dir.path().into(), rootless };
        run(&args(false)).unwrap();
        assert!(run(&args(false)).is_err());
        let text = std::fs::read(dir.path().join("config.json")).unwrap();
        let spec: oci::Spec = serde_json::from_slice(&text).unwrap();
        assert_eq!(spec, example());
    }

    #[test]
    fn a_users_configuration_has_a_user_namespace() {
        let linux = rootless(example()).linux.unwrap();
        assert!(linux.namespace(NamespaceKind::User).is_some());
        assert!(linux.namespace(NamespaceKind::Network).is_none());
        assert_eq!(linux.uid_mappings.len(), 1);
    }
}
