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
        self.await_removals(image).await?;
        let (library, name) = (self.library()?, image.to_owned());
        let uses = self.image_uses();
        let records = blocking(move || Ok(library.remove(&name, options.force, &uses)?)).await?;
        Ok(self.report_removed(records))
    }

    /// Waits for the files of containers that were removed just now: layers below them would stay, and not be told.
    async fn await_removals(&self, image: &str) -> Result<(), Error> {
        let before = self.removals().now();
        if before.any() {
            let (library, name) = (self.library()?, image.to_owned());
            // Without it there is nothing to wait for.
            let holders = blocking(move || Ok(library.snapshots_over(&name)?)).await.unwrap_or_default();
            before.settled_among(|container| holders.iter().any(|holder| holder == container)).await;
        }
        Ok(())
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
