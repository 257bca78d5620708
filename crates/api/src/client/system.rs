//! Requests about the engine itself.

use super::request::Call;
use super::{Client, Error, JsonStream};
use crate::auth::{AuthConfig, AuthResponse};
use crate::disk_usage::DiskUsage;
use crate::event::{Event, Options};
use crate::query::Query;
use crate::system::{Info, Version};
use http::Method;

impl Client {
    /// Asks whether the engine answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), Error> {
        self.run(Call::new(Method::GET, "/_ping", &Query::new())).await?;
        Ok(())
    }

    /// The engine's version.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn server_version(&self) -> Result<Version, Error> {
        self.fetch(Call::new(Method::GET, "/version", &Query::new())).await
    }

    /// Information about the engine.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn info(&self) -> Result<Info, Error> {
        self.fetch(Call::new(Method::GET, "/info", &Query::new())).await
    }

    /// Events, as they happen.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn events(&self, options: &Options) -> Result<JsonStream<Event>, Error> {
        self.documents(Call::new(Method::GET, "/events", &options.to_query())).await
    }

    /// What takes space.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn disk_usage(&self) -> Result<DiskUsage, Error> {
        // Older engines do not know the word and answer what they answer.
        self.fetch(Call::new(Method::GET, "/system/df", &Query::new().switch("verbose", true))).await
    }

    /// Checks credentials with a registry.
    ///
    /// # Errors
    /// The engine cannot be reached, or the credentials are wrong.
    pub async fn auth(&self, auth: &AuthConfig) -> Result<AuthResponse, Error> {
        self.fetch(Call::new(Method::POST, "/auth", &Query::new()).json(auth)?).await
    }
}
