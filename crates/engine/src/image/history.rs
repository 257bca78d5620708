//! `history`.

use teu_api::image::History;

use super::blocking;
use crate::{Engine, Error};

impl Engine {
    /// How an image was made, newest step first.
    ///
    /// # Errors
    /// No such image.
    pub async fn image_history(&self, image: &str) -> Result<Vec<History>, Error> {
        let (library, name) = (self.library()?, image.to_owned());
        let entries = blocking(move || Ok(library.history(&name)?)).await?;
        let entry = |entry: teu_image::HistoryEntry| History {
            comment: entry.comment,
            created: entry.created,
            created_by: entry.created_by,
            id: entry.id.map_or_else(|| "<missing>".to_owned(), |id| id.to_string()),
            size: i64::try_from(entry.size).unwrap_or(i64::MAX),
            tags: (!entry.tags.is_empty()).then_some(entry.tags),
        };
        Ok(entries.into_iter().map(entry).collect())
    }
}
