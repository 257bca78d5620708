//! What images take on disk.

use teu_api::disk_usage::Usage;
use teu_api::image::Summary;
use teu_image::ListOptions;

use super::blocking;
use super::list::summary;
use crate::{Engine, Error};

impl Engine {
    /// All images with their sizes on disk: whole, and shared with other images. How many containers use each is for
    /// the caller to say.
    pub(crate) async fn image_usage(&self) -> Result<Usage<Summary>, Error> {
        let library = self.library()?;
        // Not of one that is removed: its files go later.
        let containers: Vec<String> = self.containers().all().iter().map(|handle| handle.id.clone()).collect();
        blocking(move || {
            let usage = library.usage(&containers)?;
            let images = library.list(&ListOptions::default())?;
            let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let items: Vec<Summary> = images
                .into_iter()
                .map(|image| {
                    let sizes = usage.images.get(&image.id).copied().unwrap_or_default();
                    Summary { size: signed(sizes.whole), shared_size: signed(sizes.shared), ..summary(image) }
                })
                .collect();
            Ok(Usage {
                active_count: 0,
                total_count: signed(items.len() as u64),
                reclaimable: signed(usage.reclaimable),
                total_size: signed(usage.total),
                items: Some(items),
            })
        })
        .await
    }
}
