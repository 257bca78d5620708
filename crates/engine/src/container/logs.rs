//! `logs`: what a container has written.

use teu_api::container::LogsOptions;

use crate::{Engine, Error, Logs};

impl Engine {
    /// Reads a container's log.
    ///
    /// # Errors
    /// No such container; its log driver cannot be read; neither stream is wanted; a time or number makes no sense.
    pub async fn container_logs(&self, container: &str, options: &LogsOptions) -> Result<Logs, Error> {
        let _ = (container, options);
        todo!()
    }
}
