//! Requests about networks.

use super::request::Call;
use super::{Client, Error};
use crate::filters::Filters;
use crate::network::Network;
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
}
