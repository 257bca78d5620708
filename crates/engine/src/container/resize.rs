//! `resize`: a terminal's size.

use teu_api::container::ResizeOptions;

use crate::{Engine, Error};

impl Engine {
    /// Sets the size of a container's terminal.
    ///
    /// # Errors
    /// No such container; it is not running.
    pub async fn container_resize(&self, container: &str, size: ResizeOptions) -> Result<(), Error> {
        let _ = (container, size);
        todo!()
    }
}
