//! `pull`: an image from a registry.

use teu_api::auth::AuthConfig;
use teu_api::image::CreateOptions;

use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Pulls `options.from_image`.
    ///
    /// # Errors
    /// The reference is malformed. What goes wrong later comes as an error on the stream.
    pub async fn image_pull(&self, options: CreateOptions, auth: AuthConfig) -> Result<ProgressStream, Error> {
        let _ = (options, auth);
        todo!()
    }
}
