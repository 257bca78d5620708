//! The system call filter.

use teu_oci::defaults::{Target, default_profile, parse_profile};
use teu_oci::runtime::Seccomp;

use super::security::SeccompChoice;
use crate::Error;
use crate::machine::Machine;

/// The filter of a container with these capabilities; none if it is unconfined.
pub(super) fn profile(
    choice: &SeccompChoice,
    capabilities: &[&str],
    machine: &Machine,
) -> Result<Option<Seccomp>, Error> {
    let target = Target { capabilities, architecture: machine.architecture, kernel: machine.kernel };
    match choice {
        SeccompChoice::Unconfined => Ok(None),
        SeccompChoice::Default => Ok(Some(default_profile(&target))),
        SeccompChoice::Custom(json) => {
            let profile = parse_profile(json.as_bytes()).map_err(|e| Error::Invalid(e.to_string()))?;
            Ok(Some(profile.resolve(&target)))
        }
    }
}
