//! `network connect` and `network disconnect`.

use teu_api::network::{ConnectRequest, DisconnectRequest};
use teu_network::NetworkRecord;

use crate::container::Command;
use crate::{Engine, Error};

impl Engine {
    /// Connects a container to a network: at once if it runs, else from its next start on.
    ///
    /// # Errors
    /// No such network or container; the container is on it already, or shares its network with others; settings that make
    /// no sense there.
    pub async fn network_connect(&self, network: &str, request: ConnectRequest) -> Result<(), Error> {
        let handle = self.containers().find(named(&request.container)?)?;
        let network = self.record(network)?.name;
        let settings = request.endpoint_config.unwrap_or_default();
        if !settings.mac_address.is_empty() && settings.mac_address.parse::<teu_network::MacAddress>().is_err() {
            return Err(Error::Invalid(format!("invalid MAC address {}", settings.mac_address)));
        }
        let settings = Box::new(settings);
        handle.ask(|reply| Command::Connect { network, settings, reply }).await
    }

    /// Disconnects a container from a network.
    ///
    /// # Errors
    /// No such network or container; the container is not on it.
    pub async fn network_disconnect(&self, network: &str, request: DisconnectRequest) -> Result<(), Error> {
        let found = self.containers().find(named(&request.container)?);
        let record = self.record(network);
        let handle = match found {
            // An endpoint that no container has any more, which there is none of here.
            Err(Error::NoSuchContainer(name)) if request.force => {
                record?;
                return Err(Error::NotFound(format!("endpoint {name} not found")));
            }
            other => other?,
        };
        // With force, from one that is gone, too: the container may have been stopped when it was removed.
        let network = match record {
            Err(Error::NoSuchNetwork(name)) if request.force => name,
            other => other?.name,
        };
        handle.ask(|reply| Command::Disconnect { network, reply }).await
    }

    fn record(&self, network: &str) -> Result<NetworkRecord, Error> {
        Ok(self.networks()?.record(network)?)
    }
}

fn named(container: &str) -> Result<&str, Error> {
    if container.is_empty() {
        Err(Error::Invalid("invalid name or ID supplied: \"\"".to_owned()))
    } else {
        Ok(container)
    }
}
