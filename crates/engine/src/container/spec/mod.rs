//! From a container's definition to what the runtime is told. Pure: everything it depends on is in [`Inputs`].

mod capabilities;
mod devices;
mod mounts;
mod namespaces;
mod process;
mod resources;
mod seccomp;
mod security;

use std::path::PathBuf;

use teu_oci::runtime::{Linux, NamespaceKind, Root, Spec, VERSION};

use super::definition::Definition;
use super::files::Files;
use super::user::Account;
use crate::Error;
use crate::machine::Machine;

pub(crate) use devices::{at as device_at, parse_rule as parse_device_rule};
pub(crate) use process::{ExecDifferences, exec_process};
pub(crate) use resources::changed as changed_resources;
pub(crate) use security::{apparmor_profile, check as check_security};

/// Everything that a specification follows from.
#[derive(Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) account: &'a Account,
    /// The files that are mounted over the image's.
    pub(crate) files: &'a Files,
    pub(crate) machine: &'a Machine,
    /// Namespaces of other containers, by path.
    pub(crate) joins: Vec<(NamespaceKind, PathBuf)>,
    /// Whether a network namespace comes along; otherwise it stays in the host's.
    pub(crate) own_network: bool,
    /// Variables that links bring.
    pub(crate) linked: Vec<String>,
    /// The program that is mounted as the container's init.
    pub(crate) init: Option<PathBuf>,
    /// Relative to each hierarchy's root.
    pub(crate) cgroup_path: String,
}

/// Builds the specification of a container.
pub(crate) fn build(inputs: &Inputs<'_>) -> Result<Spec, Error> {
    let Definition { config, host, .. } = inputs.definition;
    mounts::check(inputs.definition)?;
    let security = security::parse(host, inputs.machine)?;
    let shares_names = host.uts_mode == "host";
    let capabilities = capabilities::names(host, host.privileged, inputs.machine)?;
    let seccomp = seccomp::profile(&security.seccomp, &capabilities, inputs.machine)?;
    let ids = inputs.definition.ids.as_ref();
    let linux = Linux {
        sysctl: namespaces::sysctls(inputs),
        resources: Some(resources::build(host)?),
        uid_mappings: ids.map(|ids| ids.uids.clone()).unwrap_or_default(),
        gid_mappings: ids.map(|ids| ids.gids.clone()).unwrap_or_default(),
        cgroups_path: inputs.cgroup_path.clone(),
        namespaces: namespaces::build(inputs),
        devices: devices::nodes(host)?,
        seccomp,
        rootfs_propagation: mounts::root_propagation(inputs.definition),
        masked_paths: security.masked_paths,
        readonly_paths: security.readonly_paths,
        ..Linux::default()
    };
    Ok(Spec {
        oci_version: VERSION.to_owned(),
        process: Some(process::build(inputs, &capabilities, security.no_new_privileges, security.apparmor)),
        root: Some(Root { path: PathBuf::from("rootfs"), readonly: host.readonly_rootfs }),
        hostname: if shares_names { String::new() } else { config.hostname.clone() },
        domainname: if shares_names { String::new() } else { config.domainname.clone() },
        mounts: mounts::build(inputs),
        hooks: None,
        annotations: host.annotations.clone().unwrap_or_default(),
        linux: Some(linux),
    })
}

#[cfg(test)]
mod tests;
