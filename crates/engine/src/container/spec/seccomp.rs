//! The system call filter.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use teu_oci::defaults::{Target, default_profile, parse_profile};
use teu_oci::runtime::{Seccomp, SeccompText};

use super::security::SeccompChoice;
use crate::Error;
use crate::machine::Machine;

/// Default filters kept in memory: they differ by capabilities only, of which there are few sets.
const KEPT: usize = 32;

/// The filter of a container with these capabilities; none if it is unconfined.
pub(super) fn profile(
    choice: &SeccompChoice,
    capabilities: &[&str],
    machine: &Machine,
) -> Result<Option<SeccompText>, Error> {
    let target = Target { capabilities, architecture: machine.architecture, kernel: machine.kernel };
    match choice {
        SeccompChoice::Unconfined => Ok(None),
        SeccompChoice::Default => default(&target).map(Some),
        SeccompChoice::Custom(json) => {
            let profile = parse_profile(json.as_bytes()).map_err(|e| Error::Invalid(e.to_string()))?;
            text(&profile.resolve(&target)).map(Some)
        }
    }
}

/// The default filter, put together once for each set of capabilities: the machine stays the same.
fn default(target: &Target<'_, &str>) -> Result<SeccompText, Error> {
    static KNOWN: OnceLock<Mutex<HashMap<String, SeccompText>>> = OnceLock::new();
    let key = target.capabilities.join(",");
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(filter) = known.get(&key) {
        return Ok(filter.clone());
    }
    let filter = text(&default_profile(target))?;
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(key, filter.clone());
    Ok(filter)
}

fn text(filter: &Seccomp) -> Result<SeccompText, Error> {
    SeccompText::of(filter).map_err(|error| Error::Part { part: "seccomp", message: error.to_string() })
}
