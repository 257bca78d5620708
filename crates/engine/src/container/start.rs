//! `start`: from what is wanted to a process.

use crate::{Engine, Error};

impl Engine {
    /// Starts a container.
    ///
    /// # Errors
    /// No such container; it runs already (`NotModified`), is paused or being removed; its image, network or
    /// program cannot be had.
    pub async fn container_start(&self, container: &str) -> Result<(), Error> {
        let _ = container;
        todo!()
    }
}
