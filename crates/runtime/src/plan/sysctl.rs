//! Kernel parameters.

use teu_oci::runtime::{Linux, NamespaceKind, Spec};

use super::Step;
use super::text::c_string;
use crate::Error;

/// IPC parameters that belong to a namespace, beside `fs.mqueue.*` (`ipc/ipc_sysctl.c`).
const IPC: [&str; 11] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.msg_next_id",
    "kernel.sem_next_id",
    "kernel.shm_next_id",
];

/// Steps that set the configuration's parameters. Only those of a namespace of the container's own may be set.
pub(crate) fn compile(spec: &Spec, linux: &Linux, own: &[NamespaceKind]) -> Result<Vec<Step>, Error> {
    linux.sysctl.iter().map(|(name, value)| step(spec, name, value, own)).collect()
}

fn step(spec: &Spec, name: &str, value: &str, own: &[NamespaceKind]) -> Result<Step, Error> {
    let path = file(name);
    let dotted = path.replace('/', ".");
    if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(Error::InvalidSpec(format!("sysctl {name:?} is no name of a parameter")));
    }
    let needs = namespace(&dotted)
        .ok_or_else(|| Error::InvalidSpec(format!("sysctl {name:?} is not in a separate kernel namespace")))?;
    if !own.contains(&needs) {
        return Err(Error::InvalidSpec(format!("sysctl {name:?} needs a {needs} namespace of the container's own")));
    }
    if dotted == "kernel.hostname" && !spec.hostname.is_empty() {
        return Err(Error::InvalidSpec("sysctl \"kernel.hostname\" conflicts with the host name".into()));
    }
    Ok(Step::Sysctl { path: c_string(path, "a sysctl")?, value: c_string(value, "a sysctl's value")? })
}

/// The file below `/proc/sys`. As in `sysctl.d(5)`, the first separator decides which one is in use: with dots, slashes
/// stand for dots inside a part, such as a VLAN interface's name.
fn file(name: &str) -> String {
    if name.find(['.', '/']).is_some_and(|i| name.as_bytes()[i] == b'/') {
        return name.to_owned();
    }
    name.chars()
        .map(|c| match c {
            '.' => '/',
            '/' => '.',
            other => other,
        })
        .collect()
}

fn namespace(name: &str) -> Option<NamespaceKind> {
    if IPC.contains(&name) || name.starts_with("fs.mqueue.") {
        return Some(NamespaceKind::Ipc);
    }
    if name.starts_with("net.") {
        return Some(NamespaceKind::Network);
    }
    if name.starts_with("user.") {
        return Some(NamespaceKind::User);
    }
    matches!(name, "kernel.hostname" | "kernel.domainname").then_some(NamespaceKind::Uts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile_one(name: &str, own: &[NamespaceKind]) -> Result<Vec<Step>, Error> {
        let linux = Linux { sysctl: [(name.to_owned(), "1".to_owned())].into(), ..Linux::default() };
        compile(&Spec::default(), &linux, own)
    }

    #[test]
    fn parameters_need_their_namespace() {
        let ipc = [NamespaceKind::Ipc];
        assert!(compile_one("kernel.shmmax", &ipc).is_ok());
        assert!(compile_one("kernel/shmmax", &ipc).is_ok());
        assert!(compile_one("net.ipv4.ip_forward", &ipc).is_err());
        assert!(compile_one("net.ipv4.ip_forward", &[NamespaceKind::Network]).is_ok());
        assert!(compile_one("vm.swappiness", &NamespaceKind::ALL).is_err());
        assert!(compile_one("net/../kernel/panic", &NamespaceKind::ALL).is_err());
    }

    #[test]
    fn both_separators_are_understood() {
        assert_eq!(file("net.ipv4.conf.eth0/100.forwarding"), "net/ipv4/conf/eth0.100/forwarding");
        assert_eq!(file("net/ipv4/conf/eth0.100/forwarding"), "net/ipv4/conf/eth0.100/forwarding");
    }
}
