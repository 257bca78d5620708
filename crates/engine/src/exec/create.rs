//! `exec create`.

use teu_api::exec::{CreateRequest, IdResponse};

use crate::{Engine, Error};

impl Engine {
    /// Prepares a process in a running container.
    ///
    /// # Errors
    /// No such container; it is not running or paused; no command is given.
    pub async fn exec_create(&self, container: &str, request: CreateRequest) -> Result<IdResponse, Error> {
        let _ = (container, request);
        todo!()
    }
}
