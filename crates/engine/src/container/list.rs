//! `ps`.

use teu_api::container::{ListOptions, Summary};

use crate::{Engine, Error};

impl Engine {
    /// Lists containers, newest first.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn container_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        let _ = options;
        todo!()
    }
}
