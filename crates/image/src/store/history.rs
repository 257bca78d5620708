//! How an image came about.

use super::{Store, seconds};
use crate::error::Result;
use crate::model::HistoryEntry;

impl Store {
    /// How an image came about, newest step first.
    ///
    /// # Errors
    /// `NoSuchImage`.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryEntry>> {
        let image = self.resolve(name)?;
        let mut layers = image.config.rootfs.diff_ids.iter();
        let mut entries = Vec::with_capacity(image.config.history.len());
        for step in &image.config.history {
            let mut size = 0;
            if !step.empty_layer
                && let Some(diff_id) = layers.next()
            {
                size = self.0.db.layer(diff_id)?.map_or(0, |layer| layer.info.content_size);
            }
            entries.push(HistoryEntry {
                id: None,
                created: seconds(step.created.as_deref()),
                created_by: step.created_by.clone().unwrap_or_default(),
                tags: Vec::new(),
                size,
                comment: step.comment.clone().unwrap_or_default(),
            });
        }
        entries.reverse();
        if let Some(newest) = entries.first_mut() {
            newest.id = Some(image.id);
            newest.tags = image.tags.iter().map(teu_oci::reference::Reference::familiar).collect();
        }
        Ok(entries)
    }
}
