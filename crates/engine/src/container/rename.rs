//! `rename`.

use crate::{Engine, Error};

impl Engine {
    /// Gives a container another name.
    ///
    /// # Errors
    /// No such container; the name is not allowed or taken.
    pub async fn container_rename(&self, container: &str, name: &str) -> Result<(), Error> {
        let _ = (container, name);
        todo!()
    }
}
