//! `rm`: the end of a container.

use teu_api::container::RemoveOptions;

use crate::{Engine, Error};

impl Engine {
    /// Removes a container. It is gone for every reader when this returns; files are deleted in the background.
    ///
    /// # Errors
    /// No such container; it runs and `force` is not given; it is being removed already.
    pub async fn container_remove(&self, container: &str, options: RemoveOptions) -> Result<(), Error> {
        let _ = (container, options);
        todo!()
    }
}
