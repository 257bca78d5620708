//! What the container may do, and which namespaces it shares.

use std::collections::BTreeSet;

use anyhow::bail;
use clap::Args;
use teu_api::container::CreateRequest;

use super::{host, some};
use crate::opts::{keyvalue, security};

#[derive(Debug, Args)]
#[command(next_help_heading = "Security")]
pub(super) struct Security {
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    cap_drop: Vec<String>,
    /// Optional parent cgroup for the container
    #[arg(long, value_name = "string", default_value = "")]
    cgroup_parent: String,
    /// Cgroup namespace to use (host|private)
    /// 'host':    Run the container in the Docker host's cgroup namespace
    /// 'private': Run the container in its own private cgroup namespace
    /// '':        Use the cgroup namespace as configured by the default-cgroupns-mode option on the daemon (default)
    #[arg(long, value_name = "string", default_value = "", verbatim_doc_comment)]
    cgroupns: String,
    /// IPC mode to use
    #[arg(long, value_name = "string", default_value = "")]
    ipc: String,
    /// PID namespace to use
    #[arg(long, value_name = "string", default_value = "")]
    pid: String,
    /// Give extended privileges to this container
    #[arg(long)]
    privileged: bool,
    /// Security Options
    #[arg(long, value_name = "list")]
    security_opt: Vec<String>,
    /// Sysctl options
    #[arg(long, value_name = "map", value_parser = keyvalue::sysctl)]
    sysctl: Vec<String>,
    /// User namespace to use
    #[arg(long, value_name = "string", default_value = "")]
    userns: String,
    /// UTS namespace to use
    #[arg(long, value_name = "string", default_value = "")]
    uts: String,
}

impl Security {
    pub(super) fn apply(self, request: &mut CreateRequest) -> anyhow::Result<()> {
        let is_container = |mode: &str| mode.strip_prefix("container:").is_some_and(|name| !name.is_empty());
        if !matches!(self.pid.as_str(), "" | "host") && !is_container(&self.pid) {
            bail!("--pid: invalid PID mode");
        }
        if !matches!(self.uts.as_str(), "" | "host") {
            bail!("--uts: invalid UTS mode");
        }
        if !matches!(self.userns.as_str(), "" | "host") {
            bail!("--userns: invalid USER mode");
        }
        if !matches!(self.cgroupns.as_str(), "" | "host" | "private") {
            bail!("--cgroupns: invalid CGROUP mode");
        }
        let security = security::resolve(&self.security_opt)?;
        let host = host(request);
        let (add, drop) = capabilities(&self.cap_add, &self.cap_drop);
        host.cap_add = some(add);
        host.cap_drop = some(drop);
        host.cgroup_parent = self.cgroup_parent;
        host.cgroupns_mode = self.cgroupns;
        host.ipc_mode = self.ipc;
        host.pid_mode = self.pid;
        host.privileged = self.privileged;
        // What only switches paths off leaves an empty list behind.
        host.security_opt = Some(security.options).filter(|_| !self.security_opt.is_empty());
        if security.unconfined_paths {
            host.masked_paths = Some(Vec::new());
            host.readonly_paths = Some(Vec::new());
        }
        host.sysctls = Some(keyvalue::map(&self.sysctl)).filter(|sysctls| !sysctls.is_empty());
        host.userns_mode = self.userns;
        host.uts_mode = self.uts;
        Ok(())
    }
}

/// Every capability.
const ALL: &str = "ALL";

/// Names as the kernel's (`CAP_NET_ADMIN`), without those that make no difference: what is added is not dropped, and
/// `ALL` stands for every other.
fn capabilities(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let normal = |list: &[String]| -> BTreeSet<String> {
        let names: BTreeSet<String> = list.iter().map(|name| normalise(name)).collect();
        if names.contains(ALL) { BTreeSet::from([ALL.to_owned()]) } else { names }
    };
    let (add, drop) = (normal(add), normal(drop));
    let dropped = drop.difference(&add).cloned().collect();
    (add.into_iter().collect(), dropped)
}

fn normalise(name: &str) -> String {
    let name = name.trim().to_uppercase();
    if matches!(name.as_str(), ALL | "RESET") || name.starts_with("CAP_") { name } else { format!("CAP_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_in_normal_form() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (add, drop) = capabilities(&list(&["net_admin", "CAP_CHOWN"]), &list(&["all", "chown"]));
        assert_eq!((add, drop), (list(&["CAP_CHOWN", "CAP_NET_ADMIN"]), list(&["ALL"])));
        let (add, drop) = capabilities(&list(&["chown"]), &list(&["chown", "kill"]));
        assert_eq!((add, drop), (list(&["CAP_CHOWN"]), list(&["CAP_KILL"])));
    }
}
