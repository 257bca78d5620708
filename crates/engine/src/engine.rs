//! The handle on everything.

use std::sync::Arc;

use crate::events::Bus;
use crate::{EngineConfig, Error};

/// The engine. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: EngineConfig,
    events: Bus,
}

impl Engine {
    /// Opens the state, finds or starts the keeper, reconciles what should be with what is, and applies restart
    /// policies. Returns as soon as requests can be answered; restarts and clean-up go on in the background.
    ///
    /// # Errors
    /// If the data root cannot be used, or no keeper can be started.
    pub async fn open(config: EngineConfig) -> Result<Engine, Error> {
        Ok(Engine(Arc::new(Inner { config, events: Bus::new() })))
    }

    /// Takes no more work and writes the state out. Containers keep running under the keeper.
    pub async fn shutdown(&self) {}

    /// The settings it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Where events are published.
    pub(crate) fn events(&self) -> &Bus {
        &self.0.events
    }
}
