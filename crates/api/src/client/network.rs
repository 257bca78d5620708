//! Requests about networks.

use super::request::Call;
use super::{Client, Error};
use crate::filters::Filters;
use crate::network::{ConnectRequest, CreateRequest, CreateResponse, DisconnectRequest, Network};
use crate::query::{Query, encode};
use http::Method;

impl Client {
    /// Lists networks.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_list(&self, filters: &Filters) -> Result<Vec<Network>, Error> {
        self.fetch(Call::new(Method::GET, "/networks", &Query::new().filter(filters))).await
    }

    /// Inspects a network.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_inspect(&self, name: &str) -> Result<Network, Error> {
        self.fetch(Call::new(Method::GET, &format!("/networks/{}", encode(name)), &Query::new())).await
    }

    /// Makes a network.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_create(&self, request: &CreateRequest) -> Result<CreateResponse, Error> {
        self.fetch(Call::new(Method::POST, "/networks/create", &Query::new()).json(request)?).await
    }

    /// Removes a network.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses: containers are connected to it.
    pub async fn network_remove(&self, name: &str) -> Result<(), Error> {
        self.run(Call::new(Method::DELETE, &format!("/networks/{}", encode(name)), &Query::new())).await.map(drop)
    }

    /// Connects a container to a network.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_connect(&self, name: &str, request: &ConnectRequest) -> Result<(), Error> {
        let path = format!("/networks/{}/connect", encode(name));
        self.run(Call::new(Method::POST, &path, &Query::new()).json(request)?).await.map(drop)
    }

    /// Disconnects a container from a network.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_disconnect(&self, name: &str, request: &DisconnectRequest) -> Result<(), Error> {
        let path = format!("/networks/{}/disconnect", encode(name));
        self.run(Call::new(Method::POST, &path, &Query::new()).json(request)?).await.map(drop)
    }
}
