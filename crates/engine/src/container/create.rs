//! `create`: from a request to a container that can be started.

use teu_api::container::{CreateOptions, CreateRequest, CreateResponse};

use crate::{Engine, Error};

impl Engine {
    /// Creates a container.
    ///
    /// # Errors
    /// No such image; the name is taken or not allowed; the request contradicts itself, names what does not exist or
    /// asks for what is not built.
    pub async fn container_create(
        &self,
        options: &CreateOptions,
        request: CreateRequest,
    ) -> Result<CreateResponse, Error> {
        let _ = (options, request);
        todo!()
    }
}
