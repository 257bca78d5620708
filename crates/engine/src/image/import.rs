//! `import`: an image from a plain archive of files.

use teu_api::image::CreateOptions;
use teu_api::progress::Message;
use teu_image::ImportOptions;
use teu_oci::reference::Reference;
use tokio::io::AsyncRead;
use tokio_util::io::SyncIoBridge;

use super::progress::Reporter;
use super::{image_event, pull};
use crate::{Engine, Error, ProgressStream};

impl Engine {
    /// Makes an image of one layer, `options.from_src` being `-`.
    ///
    /// # Errors
    /// The name or an instruction is malformed. What goes wrong later comes as an error on the stream.
    pub async fn image_import(
        &self,
        archive: impl AsyncRead + Send + Unpin + 'static,
        options: CreateOptions,
    ) -> Result<ProgressStream, Error> {
        let import = ImportOptions {
            reference: reference(&options.repo, &options.tag)?,
            changes: options.changes,
            message: options.message,
            platform: if options.platform.is_empty() { None } else { Some(pull::platform(&options.platform)?) },
        };
        let library = self.library()?;
        let (reporter, stream) = Reporter::new(true);
        let engine = self.clone();
        let archive = SyncIoBridge::new(archive);
        tokio::task::spawn_blocking(move || match library.import(archive, &import, &()) {
            Ok(id) => {
                let id = id.to_string();
                reporter.send(Message::status("", id.clone()));
                let name = import.reference.map_or_else(|| id.clone(), |r| r.familiar());
                image_event(&engine, "import", &id, &name);
            }
            Err(error) => reporter.fail(error.into()),
        });
        Ok(stream)
    }
}

pub(crate) fn reference(repository: &str, tag: &str) -> Result<Option<Reference>, Error> {
    if repository.is_empty() {
        return Ok(None);
    }
    let invalid = |e: teu_oci::reference::ParseReferenceError| Error::Invalid(e.to_string());
    let parsed = Reference::parse(repository).map_err(invalid)?;
    let tagged = if tag.is_empty() { parsed.with_default_tag() } else { parsed.with_tag(tag).map_err(invalid)? };
    Ok(Some(tagged))
}
