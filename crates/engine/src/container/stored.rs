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
    /// Of earlier versions, in which a container was on one network.
    #[serde(default = "Option::default", skip_serializing)]
    endpoint: Option<Endpoint>,
    #[serde(default)]
    endpoints: E,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    health: Option<H>,
}

/// JSON of what changes.
pub(crate) fn state(view: &View) -> Result<String, Error> {
    let endpoints = &view.endpoints[..];
    json(&Stored { state: &view.state, endpoint: None, endpoints, health: view.health.as_deref() })
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
    let stored: Stored<State, Vec<Endpoint>, Health> = serde_json::from_str(&row.state)?;
    Ok(View {
        definition: Arc::new(definition),
        state: stored.state,
        endpoints: stored.endpoint.into_iter().chain(stored.endpoints).collect(),
        health: stored.health.map(Arc::new),
        begun: None,
        exits: 0,
        removed: false,
        cleared: false,
    })
}
