//! `import`: an image from a plain archive of files.

use teu_api::image::CreateOptions;
use tokio::io::AsyncRead;

use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Makes an image of one layer, `options.from_src` being `-`.
    ///
    /// # Errors
    /// The name or an instruction is malformed. What goes wrong later comes as an error on the stream.
    pub async fn image_import(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        options: CreateOptions,
    ) -> Result<ProgressStream, Error> {
        let _ = (archive, options);
        Err(Error::Unsupported("import".to_owned()))
    }
}
