//! `rmi`.

use teu_api::image::{RemoveOptions, Removed};

use crate::{Engine, Error};

impl Engine {
    /// Removes a name of an image, and the image with its last one.
    ///
    /// # Errors
    /// No such image; containers use it.
    pub async fn image_remove(&self, image: &str, options: RemoveOptions) -> Result<Vec<Removed>, Error> {
        let _ = (image, options);
        todo!()
    }
}
