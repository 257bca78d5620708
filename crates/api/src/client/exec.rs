//! Requests about execs.

use super::request::Call;
use super::{Client, Error, Hijacked};
use crate::container::ResizeOptions;
use crate::exec::{CreateRequest, IdResponse, Inspect, StartRequest};
use crate::query::{Query, encode};
use http::Method;

impl Client {
    /// Prepares a process in a running container; answers its id.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn exec_create(&self, container: &str, request: &CreateRequest) -> Result<IdResponse, Error> {
        let path = format!("/containers/{}/exec", encode(container));
        self.fetch(Call::new(Method::POST, &path, &Query::new()).json(request)?).await
    }

    /// Starts an exec and attaches to it.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn exec_start(&self, id: &str, request: &StartRequest) -> Result<Hijacked, Error> {
        self.hijack(Call::new(Method::POST, &path(id, "start"), &Query::new()).json(request)?).await
    }

    /// Starts an exec and leaves it alone.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn exec_start_detached(&self, id: &str, request: &StartRequest) -> Result<(), Error> {
        self.run(Call::new(Method::POST, &path(id, "start"), &Query::new()).json(request)?).await?;
        Ok(())
    }

    /// Inspects an exec.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn exec_inspect(&self, id: &str) -> Result<Inspect, Error> {
        self.fetch(Call::new(Method::GET, &path(id, "json"), &Query::new())).await
    }

    /// Sets the size of an exec's terminal.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn exec_resize(&self, id: &str, size: ResizeOptions) -> Result<(), Error> {
        self.run(Call::new(Method::POST, &path(id, "resize"), &size.to_query())).await?;
        Ok(())
    }
}

fn path(id: &str, verb: &str) -> String {
    format!("/exec/{}/{verb}", encode(id))
}
