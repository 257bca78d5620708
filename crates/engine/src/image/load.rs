//! `load`: images from an archive.

use tokio::io::AsyncRead;

use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Loads every image of an archive (`docker save` or OCI layout, compressed or not).
    ///
    /// # Errors
    /// What goes wrong comes as an error on the stream.
    pub async fn image_load(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        quiet: bool,
    ) -> Result<ProgressStream, Error> {
        let _ = (archive, quiet);
        Err(Error::Unsupported("load".to_owned()))
    }
}
