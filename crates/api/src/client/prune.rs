//! Requests to remove what nothing uses.

use super::request::Call;
use super::{Client, Error};
use crate::filters::Filters;
use crate::prune::{BuildCache, Containers, Images, Networks, Volumes};
use crate::query::Query;
use http::Method;
use serde::de::DeserializeOwned;

impl Client {
    /// Removes stopped containers.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_prune(&self, filters: &Filters) -> Result<Containers, Error> {
        self.prune("/containers/prune", &Query::new().filter(filters)).await
    }

    /// Removes images that no container uses: dangling ones, or with `dangling=false` all.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_prune(&self, filters: &Filters) -> Result<Images, Error> {
        self.prune("/images/prune", &Query::new().filter(filters)).await
    }

    /// Removes networks that no container is attached to.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn network_prune(&self, filters: &Filters) -> Result<Networks, Error> {
        self.prune("/networks/prune", &Query::new().filter(filters)).await
    }

    /// Removes volumes that no container has: those without a name, or with `all=true` all.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn volume_prune(&self, filters: &Filters) -> Result<Volumes, Error> {
        self.prune("/volumes/prune", &Query::new().filter(filters)).await
    }

    /// Removes what the builder keeps: what is not in use, or `all` of it.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn build_prune(&self, filters: &Filters, all: bool) -> Result<BuildCache, Error> {
        self.prune("/build/prune", &Query::new().switch("all", all).filter(filters)).await
    }

    async fn prune<T: DeserializeOwned>(&self, path: &str, query: &Query) -> Result<T, Error> {
        self.fetch(Call::new(Method::POST, path, query)).await
    }
}
