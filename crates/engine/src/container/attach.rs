//! `attach`: a connection to a container's streams.

use teu_api::container::AttachOptions;

use crate::{Attachment, Engine, Error};

impl Engine {
    /// Connects to a container's streams. It need not run yet: attaching before the start misses nothing. Detach keys
    /// are the caller's business.
    ///
    /// # Errors
    /// No such container; it is paused or restarting.
    pub async fn container_attach(&self, container: &str, options: &AttachOptions) -> Result<Attachment, Error> {
        let _ = (container, options);
        todo!()
    }
}
