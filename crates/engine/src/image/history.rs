//! `history`.

use teu_api::image::History;

use crate::{Engine, Error};

impl Engine {
    /// How an image was made, newest step first.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_history(&self, image: &str) -> Result<Vec<History>, Error> {
        let _ = image;
        todo!()
    }
}
