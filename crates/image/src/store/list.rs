//! `images`: everything comes from the database, nothing is walked.

use std::collections::HashMap;

use teu_oci::digest::Digest;
use teu_oci::image::ImageConfig;
use teu_oci::reference::Reference;

use super::Store;
use crate::db::ImageRow;
use crate::error::{Error, Result};
use crate::glob;
use crate::model::{ImageSummary, ListOptions};

impl Store {
    /// Images, newest first.
    ///
    /// # Errors
    /// If a filter is malformed or names an image that does not exist.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<ImageSummary>> {
        let window = Window::of(self, options)?;
        let mut names: HashMap<Digest, Vec<Reference>> = HashMap::new();
        for (name, image) in self.0.db.all_names()? {
            names.entry(image).or_default().push(name);
        }
        let mut summaries = Vec::new();
        for row in self.0.db.images()? {
            let names = names.remove(&row.id).unwrap_or_default();
            if window.contains(row.created)
                && let Some(summary) = self.summary(&row, names, options)?
            {
                summaries.push(summary);
            }
        }
        Ok(summaries)
    }

    /// The line of an image, unless a filter leaves it out.
    fn summary(&self, row: &ImageRow, names: Vec<Reference>, options: &ListOptions) -> Result<Option<ImageSummary>> {
        let (mut tags, mut digests): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.tag().is_some());
        let dangling = match options.dangling {
            Some(true) => tags.is_empty(),
            Some(false) => !(tags.is_empty() && digests.is_empty()),
            None => true,
        };
        if !dangling {
            return Ok(None);
        }
        if !options.references.is_empty() {
            retain_matching(&mut tags, &options.references)?;
            retain_matching(&mut digests, &options.references)?;
            if tags.is_empty() && digests.is_empty() {
                return Ok(None);
            }
        }
        let config = self.0.config(row)?;
        let labels = labels(&config);
        if !options.labels.iter().all(|wanted| has_label(labels, wanted)) {
            return Ok(None);
        }
        Ok(Some(ImageSummary {
            id: row.id,
            parent: row.parent,
            tags,
            digests,
            created: row.created,
            size: row.size,
            shared_size: options.shared_size.then(|| self.0.db.shared_size(&row.id)).transpose()?,
            labels: labels.clone(),
        }))
    }
}

/// The time between `since` and `before`.
struct Window {
    after: Option<i64>,
    before: Option<i64>,
}

impl Window {
    fn of(store: &Store, options: &ListOptions) -> Result<Self> {
        let created = |name: &Option<String>| -> Result<Option<i64>> {
            name.as_deref().map(|name| Ok(store.0.row(&store.0.find(name)?)?.created)).transpose()
        };
        let before = [created(&options.before)?, options.until].into_iter().flatten().min();
        Ok(Self { after: created(&options.since)?, before })
    }

    fn contains(&self, created: i64) -> bool {
        self.after.is_none_or(|after| created > after) && self.before.is_none_or(|before| created < before)
    }
}

fn retain_matching(names: &mut Vec<Reference>, patterns: &[String]) -> Result<()> {
    let mut kept = Vec::new();
    for name in names.drain(..) {
        if matches_any(&name, patterns)? {
            kept.push(name);
        }
    }
    *names = kept;
    Ok(())
}

/// As Docker's `FamiliarMatch`: the whole familiar form or the name alone.
fn matches_any(name: &Reference, patterns: &[String]) -> Result<bool> {
    let texts = [name.familiar(), name.familiar_name()];
    for pattern in patterns {
        for text in &texts {
            if glob::matches(pattern, text).ok_or_else(|| Error::Filter(format!("reference={pattern}")))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn labels(config: &ImageConfig) -> &std::collections::BTreeMap<String, String> {
    static NONE: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    config.config.as_ref().map_or(&NONE, |config| &config.labels)
}

fn has_label(labels: &std::collections::BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|found| found == value),
        None => labels.contains_key(wanted),
    }
}
