//! From a name or id to an image, and the giving of names.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};

use teu_oci::digest::Digest;
use teu_oci::id;
use teu_oci::image::ImageConfig;
use teu_oci::reference::Reference;

use super::layers::parse_config;
use super::{Inner, Store, now};
use crate::db::ImageRow;
use crate::error::{Error, Result};
use crate::model::Image;

/// Names whose images are kept in memory.
const MOST_FOUND: usize = 128;

impl Store {
    /// The image with this name (`busybox`, `busybox:1`, `busybox@sha256:…`), id or unambiguous id prefix.
    ///
    /// # Errors
    /// `NoSuchImage`, `AmbiguousPrefix`.
    pub fn resolve(&self, name: &str) -> Result<Image> {
        let edition = self.0.db.edition();
        let id = self.0.find(name)?;
        let row = self.0.db.image(&id)?.ok_or_else(|| no_such_image(name))?;
        let image = self.0.image(row)?;
        let mut found = self.0.found();
        if found.len() >= MOST_FOUND {
            found.clear();
        }
        found.insert(name.to_owned(), (edition, image.clone()));
        Ok(image)
    }

    /// The same, if it was asked for before and no image has changed since. Does not block.
    pub fn resolved(&self, name: &str) -> Option<Image> {
        let edition = self.0.db.edition();
        self.0.found().get(name).filter(|(then, _)| *then == edition).map(|(_, image)| image.clone())
    }

    /// The bytes of an image's configuration.
    ///
    /// # Errors
    /// `NoSuchImage`.
    pub fn raw_config(&self, image: &Digest) -> Result<Vec<u8>> {
        Ok(self.0.row(image)?.config)
    }

    /// Gives an image a name, taking it from another one if need be.
    ///
    /// # Errors
    /// `NoSuchImage`, `TagIsDigest`.
    pub fn tag(&self, image: &str, target: &Reference) -> Result<()> {
        if target.digest().is_some() {
            return Err(Error::TagIsDigest);
        }
        let id = self.0.find(image)?;
        self.0.db.insert_names(&id, &[target.clone().with_default_tag()], now())?;
        self.0.db.settle()
    }
}

impl Inner {
    fn found(&self) -> MutexGuard<'_, HashMap<String, (u64, Image)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the image with this name, id or id prefix. As with Docker, names go before prefixes.
    pub(super) fn find(&self, name: &str) -> Result<Digest> {
        if let Some(id) = full_id(name) {
            return self.db.image(&id)?.map(|row| row.id).ok_or_else(|| no_such_image(name));
        }
        let reference = Reference::parse(name);
        if let Ok(reference) = &reference {
            if let Some(id) = self.db.image_of_name(&reference.clone().with_default_tag())? {
                return Ok(id);
            }
            if let Some(id) = self.by_pinned_id(reference)? {
                return Ok(id);
            }
        }
        let prefix = name.strip_prefix("sha256:").unwrap_or(name);
        if id::is_prefix(prefix) {
            match self.db.images_by_prefix(prefix)?.as_slice() {
                [] => {}
                [id] => return Ok(*id),
                _ => return Err(Error::AmbiguousPrefix(name.to_owned())),
            }
        }
        match reference {
            Ok(_) => Err(no_such_image(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// `name@sha256:<image id>`: an image of that id which has a name in that repository.
    fn by_pinned_id(&self, reference: &Reference) -> Result<Option<Digest>> {
        let Some(id) = reference.digest() else { return Ok(None) };
        let (tags, digests) = self.db.names(&id)?;
        let same = |name: &Reference| name.repository() == reference.repository();
        Ok(tags.iter().chain(&digests).any(same).then_some(id))
    }

    pub(super) fn row(&self, id: &Digest) -> Result<ImageRow> {
        self.db.image(id)?.ok_or_else(|| Error::NoSuchImage(id.to_string()))
    }

    pub(super) fn image(&self, row: ImageRow) -> Result<Image> {
        let (tags, digests) = self.db.names(&row.id)?;
        let config = self.config(&row)?;
        Ok(Image {
            id: row.id,
            config,
            tags,
            digests,
            size: row.size,
            parent: row.parent,
            last_tagged: row.last_tagged,
        })
    }

    /// The parsed configuration, kept for the next time.
    pub(super) fn config(&self, row: &ImageRow) -> Result<Arc<ImageConfig>> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&row.id) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(parse_config(&row.id, &row.config)?);
        configs.insert(row.id, Arc::clone(&config));
        Ok(config)
    }
}

/// Whether a name is a whole id, with or without algorithm.
pub(super) fn full_id(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix("sha256:").unwrap_or(name)).ok()
}

/// Docker names what it looked for: with the tag it added.
pub(super) fn no_such_image(name: &str) -> Error {
    let shown = match (full_id(name), Reference::parse(name)) {
        (None, Ok(reference)) => reference.with_default_tag().familiar(),
        _ => name.to_owned(),
    };
    Error::NoSuchImage(shown)
}
