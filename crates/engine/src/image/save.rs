//! `save`: images into an archive.

use teu_image::Store;
use teu_oci::digest::Digest;

use super::{blocking, image_event};
use crate::stream::piped;
use crate::{ByteStream, Engine, Error};

impl Engine {
    /// Writes images into one archive that both `load` and OCI tools read.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_save(&self, names: Vec<String>) -> Result<ByteStream, Error> {
        if names.is_empty() {
            return Err(Error::Invalid("no images to save".to_owned()));
        }
        let library = self.library()?;
        let (lookup, wanted) = (library.clone(), names.clone());
        // Found first: a name that does not exist is an answer, not a broken archive.
        let ids =
            blocking(move || wanted.iter().map(|name| found(&lookup, name)).collect::<Result<Vec<_>, Error>>()).await?;
        for id in &ids {
            image_event(self, "save", &id.to_string(), &id.to_string());
        }
        Ok(piped(move |out| Ok(library.save(&names, out)?)))
    }
}

/// The image of a name; a missing one is called as the client called it.
fn found(library: &Store, name: &str) -> Result<Digest, Error> {
    match library.resolve(name) {
        Err(teu_image::Error::NoSuchImage(_)) => Err(Error::NoSuchImage(name.to_owned())),
        other => Ok(other?.id),
    }
}
