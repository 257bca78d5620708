//! What the database keeps of a container.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use teu_network::Endpoint;

use super::definition::Definition;
use super::handle::View;
use super::state::State;
use crate::Error;
use crate::health::Health;
use crate::store::ContainerRow;

/// The part that changes while a container lives.
#[derive(Serialize, Deserialize)]
struct Stored<S, E, H> {
    state: S,
    endpoint: E,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    health: Option<H>,
}

/// JSON of what changes.
pub(crate) fn state(view: &View) -> Result<String, Error> {
    json(&Stored { state: &view.state, endpoint: view.endpoint.as_deref(), health: view.health.as_deref() })
}

/// JSON of what stays.
pub(crate) fn definition(definition: &Definition) -> Result<String, Error> {
    json(definition)
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    // Fails only for maps whose keys are no strings, which these types do not have.
    serde_json::to_string(value).map_err(Error::Unstorable)
}

/// Reads a container back.
pub(crate) fn read(row: &ContainerRow) -> serde_json::Result<View> {
    let definition: Definition = serde_json::from_str(&row.definition)?;
    let stored: Stored<State, Option<Endpoint>, Health> = serde_json::from_str(&row.state)?;
    Ok(View {
        definition: Arc::new(definition),
        state: stored.state,
        endpoint: stored.endpoint.map(Arc::new),
        health: stored.health.map(Arc::new),
        begun: None,
        exits: 0,
        removed: false,
        cleared: false,
    })
}
