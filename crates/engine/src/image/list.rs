//! `images`.

use teu_api::image::{ListOptions, Summary};

use crate::{Engine, Error};

impl Engine {
    /// Lists images, newest first.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn image_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        let _ = options;
        todo!()
    }
}
