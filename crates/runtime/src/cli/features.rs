use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use teu_oci::defaults::ALL_CAPABILITIES;
use teu_oci::runtime::{
    CgroupFeatures, Enabled, Features, LinuxFeatures, MountExtensions, NamespaceKind, SeccompFeatures, VERSION,
};

use crate::plan::options::KNOWN;

/// `features`: what this executable can do, whatever machine it is on.
pub(super) fn run() -> Result<ExitCode> {
    let text = serde_json::to_string_pretty(&features()).context("print the features")?;
    writeln!(std::io::stdout(), "{text}").context("print the features")?;
    Ok(ExitCode::SUCCESS)
}

fn features() -> Features {
    Features {
        oci_version_min: "1.0.0".into(),
        oci_version_max: VERSION.into(),
        hooks: words(&["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]),
        mount_options: words(&KNOWN),
        linux: LinuxFeatures {
            namespaces: NamespaceKind::ALL.iter().map(|kind| kind.name().to_owned()).collect(),
            capabilities: words(&ALL_CAPABILITIES),
            cgroup: CgroupFeatures { v1: true, v2: true, systemd: true, systemd_user: false, rdma: true },
            seccomp: seccomp(),
            apparmor: Enabled { enabled: true },
            selinux: Enabled { enabled: true },
            mount_extensions: MountExtensions { idmap: Enabled { enabled: true } },
            ..LinuxFeatures::default()
        },
        ..Features::default()
    }
}

fn seccomp() -> SeccompFeatures {
    let flags = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"].map(|flag| format!("SECCOMP_FILTER_FLAG_{flag}"));
    let prefixed = |prefix: &str, names: &[&str]| names.iter().map(|name| format!("{prefix}{name}")).collect();
    SeccompFeatures {
        enabled: true,
        actions: prefixed(
            "SCMP_ACT_",
            &["ALLOW", "ERRNO", "KILL", "KILL_PROCESS", "KILL_THREAD", "LOG", "NOTIFY", "TRACE", "TRAP"],
        ),
        operators: prefixed("SCMP_CMP_", &["EQ", "GE", "GT", "LE", "LT", "MASKED_EQ", "NE"]),
        archs: prefixed("SCMP_ARCH_", &["AARCH64", "ARM", "X32", "X86", "X86_64"]),
        known_flags: flags.to_vec(),
        supported_flags: flags.to_vec(),
    }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}
