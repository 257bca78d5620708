//! `pause` and `unpause`: freezing a container.

use crate::{Engine, Error};

impl Engine {
    /// Freezes every process of a container.
    ///
    /// # Errors
    /// No such container; it is not running or frozen already.
    pub async fn container_pause(&self, container: &str) -> Result<(), Error> {
        let _ = container;
        todo!()
    }

    /// Thaws a container.
    ///
    /// # Errors
    /// No such container; it is not frozen.
    pub async fn container_unpause(&self, container: &str) -> Result<(), Error> {
        let _ = container;
        todo!()
    }
}
