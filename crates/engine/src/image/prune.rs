//! `image prune`.

use jiff::Timestamp;
use teu_api::filters::Filters;
use teu_api::prune;
use teu_image::ImageSummary;

use super::blocking;
use crate::events::Subject;
use crate::prune::Criteria;
use crate::{Engine, Error};

const KNOWN: &[&str] = &["dangling", "label", "label!", "until"];

impl Engine {
    /// Removes the images without a tag that no container uses; with the filter `dangling=false` those with tags, too.
    ///
    /// # Errors
    /// A filter that makes no sense; another prune is at work.
    pub async fn image_prune(&self, filters: &Filters) -> Result<prune::Images, Error> {
        let _pruning = self.begin_prune(Subject::Image)?;
        let criteria = Criteria::new(filters, KNOWN)?;
        let dangling = filters.boolean("dangling").map_err(|e| Error::Invalid(e.to_string()))?.unwrap_or(true);
        // Layers below a container that was removed just now would stay, and not be counted.
        self.removals().now().settled().await;
        let (library, uses) = (self.library()?, self.image_uses());
        let wanted = move |image: &ImageSummary| {
            // Zero is what an image says that does not tell.
            let created = Timestamp::from_second(image.created).ok().filter(|_| image.created != 0);
            criteria.accepts(created, &image.labels)
        };
        let pruned = blocking(move || Ok(library.prune(!dangling, wanted, &uses)?)).await?;
        let deleted = self.report_removed(pruned.removed);
        self.prune_event(Subject::Image, pruned.reclaimed);
        Ok(prune::Images { images_deleted: prune::some(deleted), space_reclaimed: pruned.reclaimed })
    }
}
