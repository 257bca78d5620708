//! `network ls`.

use teu_api::filters::Filters;
use teu_api::network::Network;

use crate::{Engine, Error};

impl Engine {
    /// Lists networks, without their containers.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn network_list(&self, filters: &Filters) -> Result<Vec<Network>, Error> {
        let _ = filters;
        todo!()
    }
}
