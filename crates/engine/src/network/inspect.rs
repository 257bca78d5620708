//! `network inspect`.

use teu_api::network::Network;

use super::shown;
use crate::{Engine, Error};

impl Engine {
    /// Everything about a network, by name, id or prefix of an id.
    ///
    /// # Errors
    /// No such network.
    pub async fn network_inspect(&self, network: &str) -> Result<Network, Error> {
        Ok(shown(self.networks()?.inspect(network)?))
    }
}
