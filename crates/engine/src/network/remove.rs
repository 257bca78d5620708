//! `network rm`.

use teu_network::NetworkRecord;

use super::blocking;
use crate::{Engine, Error};

impl Engine {
    /// Removes a network.
    ///
    /// # Errors
    /// No such network; it is one of those that are always there; containers are connected to it.
    pub async fn network_remove(&self, network: &str) -> Result<(), Error> {
        let networks = self.networks()?;
        // A container that has just ended does not keep it.
        self.teardowns().now().settled().await;
        let (engine, name) = (self.clone(), network.to_owned());
        let record: NetworkRecord = blocking(move || {
            let record = networks.remove(&name)?;
            if let Err(error) = engine.save_networks() {
                tracing::error!(network = record.name, %error, "a removed network comes back with the next start");
            }
            Ok(record)
        })
        .await?;
        self.network_event("destroy", &record);
        Ok(())
    }
}
