//! `image inspect`.

use teu_api::image::Inspect;

use crate::{Engine, Error};

impl Engine {
    /// Everything about an image.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_inspect(&self, image: &str) -> Result<Inspect, Error> {
        let _ = image;
        todo!()
    }
}
