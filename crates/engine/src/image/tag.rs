//! `tag`: another name for an image.

use crate::{Engine, Error};

impl Engine {
    /// Names an image `repository[:tag]`.
    ///
    /// # Errors
    /// No such image; the name is malformed.
    pub async fn image_tag(&self, image: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let _ = (image, repository, tag);
        todo!()
    }
}
