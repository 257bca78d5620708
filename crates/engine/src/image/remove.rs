//! `rmi`.

use teu_api::image::{RemoveOptions, Removed};
use teu_image::ContainerUse;

use super::{blocking, image_event};
use crate::{Engine, Error};

impl Engine {
    /// Removes a name of an image, and the image with its last one.
    ///
    /// # Errors
    /// No such image; containers use it.
    pub async fn image_remove(&self, image: &str, options: RemoveOptions) -> Result<Vec<Removed>, Error> {
        // Layers below a container that was removed just now would stay, and not be told.
        self.removals().now().settled().await;
        let (library, name) = (self.library()?, image.to_owned());
        let uses = self.image_uses();
        let records = blocking(move || Ok(library.remove(&name, options.force, &uses)?)).await?;
        Ok(self.report_removed(records))
    }

    /// Publishes what was removed and tells it in the API's words.
    pub(super) fn report_removed(&self, records: Vec<teu_image::Removed>) -> Vec<Removed> {
        let mut answer = Vec::new();
        for record in records {
            match record {
                teu_image::Removed::Untagged { reference, image } => {
                    image_event(self, "untag", &image.to_string(), &image.to_string());
                    answer.push(Removed { untagged: reference, ..Removed::default() });
                }
                teu_image::Removed::DeletedImage(digest) => {
                    image_event(self, "delete", &digest.to_string(), &digest.to_string());
                    answer.push(Removed { deleted: digest.to_string(), ..Removed::default() });
                }
                teu_image::Removed::DeletedLayer(digest) => {
                    answer.push(Removed { deleted: digest.to_string(), ..Removed::default() });
                }
            }
        }
        answer
    }

    /// Which containers use which images.
    pub(super) fn image_uses(&self) -> Vec<ContainerUse> {
        let uses = self.containers().all().into_iter().filter_map(|handle| {
            let view = handle.view();
            let image = view.definition.image.parse().ok()?;
            Some(ContainerUse { container: handle.id.clone(), image, running: view.state.is_active() })
        });
        uses.collect()
    }
}
