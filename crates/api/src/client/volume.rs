//! Requests about volumes.

use super::request::Call;
use super::{Client, Error};
use crate::filters::Filters;
use crate::query::{Query, encode};
use crate::volume::{CreateRequest, List, Volume};
use http::Method;

impl Client {
    /// Lists volumes.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn volume_list(&self, filters: &Filters) -> Result<List, Error> {
        self.fetch(Call::new(Method::GET, "/volumes", &Query::new().filter(filters))).await
    }

    /// Makes a volume, or finds the one that has this name.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn volume_create(&self, request: &CreateRequest) -> Result<Volume, Error> {
        self.fetch(Call::new(Method::POST, "/volumes/create", &Query::new()).json(request)?).await
    }

    /// Removes a volume; with `force`, one that is not there is no failure.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses: the volume is in use.
    pub async fn volume_remove(&self, name: &str, force: bool) -> Result<(), Error> {
        let query = Query::new().switch("force", force);
        self.run(Call::new(Method::DELETE, &format!("/volumes/{}", encode(name)), &query)).await.map(drop)
    }
}
