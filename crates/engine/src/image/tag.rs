//! `tag`: another name for an image.

use teu_oci::reference::Reference;

use super::{blocking, image_event};
use crate::{Engine, Error};

impl Engine {
    /// Names an image `repository[:tag]`.
    ///
    /// # Errors
    /// No such image; the name is malformed.
    pub async fn image_tag(&self, image: &str, repository: &str, tag: &str) -> Result<(), Error> {
        let mut target = Reference::parse(repository).map_err(|e| Error::Invalid(e.to_string()))?;
        if !tag.is_empty() {
            target = target.with_tag(tag).map_err(|e| Error::Invalid(e.to_string()))?;
        }
        let target = target.with_default_tag();
        let (library, name, familiar) = (self.library()?, image.to_owned(), target.familiar());
        let id = blocking(move || {
            library.tag(&name, &target)?;
            Ok(library.resolve(&name)?.id)
        })
        .await?;
        image_event(self, "tag", &id.to_string(), &familiar);
        Ok(())
    }
}
