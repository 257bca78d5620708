//! `images`.

use teu_api::filters::Filters;
use teu_api::image::{ListOptions, Summary};
use teu_image::ImageSummary;

use super::blocking;
use crate::{Engine, Error, time};

const KNOWN: &[&str] = &["before", "dangling", "label", "reference", "since", "until"];

impl Engine {
    /// Lists images, newest first.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn image_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        let mut wanted = self::options(&options.filters)?;
        wanted.shared_size = options.shared_size;
        let library = self.library()?;
        let images = blocking(move || Ok(library.list(&wanted)?)).await?;
        Ok(images.into_iter().map(summary).collect())
    }
}

/// Filters as the store takes them.
pub(crate) fn options(filters: &Filters) -> Result<teu_image::ListOptions, Error> {
    filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))?;
    let first = |name: &str| filters.get(name).next().map(str::to_owned);
    let until = first("until").map(|text| time::parse(&text)).transpose()?.flatten();
    Ok(teu_image::ListOptions {
        dangling: filters.boolean("dangling").map_err(|e| Error::Invalid(e.to_string()))?,
        labels: filters.get("label").map(str::to_owned).collect(),
        references: filters.get("reference").map(str::to_owned).collect(),
        before: first("before"),
        since: first("since"),
        until: until.map(|t| t.as_second()),
        shared_size: false,
    })
}

pub(super) fn summary(image: ImageSummary) -> Summary {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Summary {
        containers: -1,
        created: image.created,
        id: image.id.to_string(),
        labels: (!image.labels.is_empty()).then_some(image.labels),
        parent_id: image.parent.map(|p| p.to_string()).unwrap_or_default(),
        repo_digests: image.digests.iter().map(teu_oci::reference::Reference::familiar).collect(),
        repo_tags: image.tags.iter().map(teu_oci::reference::Reference::familiar).collect(),
        shared_size: image.shared_size.map_or(-1, signed),
        size: signed(image.size),
        virtual_size: None,
    }
}
