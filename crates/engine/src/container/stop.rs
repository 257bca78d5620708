//! `stop`: a request to end, then force.

use teu_api::container::StopOptions;

use crate::{Engine, Error};

impl Engine {
    /// Stops a container: its stop signal, and `SIGKILL` when its time is over.
    ///
    /// # Errors
    /// No such container, no such signal; it is not running (`NotModified`).
    pub async fn container_stop(&self, container: &str, options: &StopOptions) -> Result<(), Error> {
        let _ = (container, options);
        todo!()
    }
}
