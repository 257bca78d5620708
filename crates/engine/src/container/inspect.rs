//! `inspect`.

use teu_api::container::Inspect;

use crate::{Engine, Error};

impl Engine {
    /// Everything about a container; with `size` what it has written, too.
    ///
    /// # Errors
    /// No such container.
    pub async fn container_inspect(&self, container: &str, size: bool) -> Result<Inspect, Error> {
        let _ = (container, size);
        todo!()
    }
}
