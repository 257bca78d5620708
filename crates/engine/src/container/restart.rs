//! `restart`: stop and start.

use teu_api::container::StopOptions;

use crate::{Engine, Error};

impl Engine {
    /// Stops a container if it runs, and starts it.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn container_restart(&self, container: &str, options: &StopOptions) -> Result<(), Error> {
        let _ = (container, options);
        todo!()
    }
}
