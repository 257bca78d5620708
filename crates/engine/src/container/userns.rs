//! What a container in a user namespace can share with others.

use teu_keeper::protocol::RuntimeChoice;

use super::definition::Definition;
use super::sandbox::shared_with;
use crate::{Engine, Error};

/// Checks that a container's user namespace goes with what it shares: namespaces can be entered from the user namespace
/// alone that they belong to.
pub(super) fn check(engine: &Engine, definition: &Definition) -> Result<(), Error> {
    let Some(ids) = &definition.ids else { return Ok(()) };
    let host = &definition.host;
    let network = shared_with(&host.network_mode).map(|other| engine.containers().find(other)).transpose()?;
    for (what, mode) in [("network", &host.network_mode), ("PID", &host.pid_mode), ("IPC", &host.ipc_mode)] {
        let Some(other) = shared_with(mode) else { continue };
        let other = engine.containers().find(other)?;
        if other.view().definition.ids.as_ref() != Some(ids) {
            return refused(format!(
                "cannot share the {what} namespace of container {}, which has other user ids: run this one with --userns=host",
                other.id
            ));
        }
        if network.as_ref().is_none_or(|network| network.id != other.id) {
            return refused(format!(
                "cannot share the {what} namespace of container {} alone when user namespaces are enabled: share its network \
                 as well (--network container:{}), or run both with --userns=host",
                other.id,
                teu_oci::id::short(&other.id)
            ));
        }
    }
    if engine.runtime_choice(&host.runtime)? != RuntimeChoice::Native {
        return refused(format!(
            "runtime {} does not know the user namespaces of this engine: run the container with --userns=host",
            host.runtime
        ));
    }
    Ok(())
}

fn refused(text: String) -> Result<(), Error> {
    Err(Error::Invalid(text))
}
