//! Which capabilities a process has.

use teu_api::container::HostConfig;
use teu_oci::defaults;
use teu_oci::runtime::Capabilities;

use crate::Error;
use crate::machine::Machine;

/// Names of a container's capabilities, by Docker's rules; all that can be given if it is privileged.
pub(super) fn names(host: &HostConfig, privileged: bool, machine: &Machine) -> Result<Vec<&'static str>, Error> {
    if privileged {
        return Ok(machine.capabilities.clone());
    }
    let (add, drop) = (host.cap_add.as_deref().unwrap_or(&[]), host.cap_drop.as_deref().unwrap_or(&[]));
    defaults::capabilities(add, drop, &machine.capabilities).map_err(|e| Error::Invalid(e.to_string()))
}

/// The sets of a process with these capabilities. The inheritable set stays empty (CVE-2022-24769). A process of
/// another user than root loses what is effective and permitted at `execve`, by the kernel's rules.
pub(super) fn sets(names: &[&str]) -> Capabilities {
    let list: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    Capabilities { bounding: list.clone(), effective: list.clone(), permitted: list, ..Capabilities::default() }
}
