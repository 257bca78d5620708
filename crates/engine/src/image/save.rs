//! `save`: images into an archive.

use crate::{ByteStream, Engine, Error};

impl Engine {
    /// Writes images into one archive that both `load` and OCI tools read.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_save(&self, names: Vec<String>) -> Result<ByteStream, Error> {
        let _ = names;
        todo!()
    }
}
