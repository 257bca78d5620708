//! `export`: all files of a container, without what is mounted there.

use crate::stream::piped;
use crate::{ByteStream, Engine, Error};

impl Engine {
    /// Packs a container's root file system.
    ///
    /// # Errors
    /// No such container. What goes wrong later comes as an error on the stream.
    pub async fn container_export(&self, container: &str) -> Result<ByteStream, Error> {
        let handle = self.containers().find(container)?;
        let library = self.library()?;
        self.container_event(&handle.view().definition, "export", &[]);
        Ok(piped(move |out| Ok(library.snapshot_export(&handle.id, out)?)))
    }
}
