//! `kill`: a signal to a container's process.

use crate::{Engine, Error};

impl Engine {
    /// Sends a signal, by name (`SIGHUP`, `hup`) or number; an empty one is `SIGKILL`.
    ///
    /// # Errors
    /// No such container, no such signal; the container is not running.
    pub async fn container_kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        let _ = (container, signal);
        todo!()
    }
}
