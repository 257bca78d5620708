//! The image store as root file systems need it.

use std::os::fd::OwnedFd;

use teu_image::{ErrorKind, Image, SnapshotOptions, Store};
use teu_oci::digest::Digest;
use teu_oci::runtime::IdMaps;

use super::{Images, Restored, chain};
use crate::Error;

impl From<teu_image::Error> for Error {
    fn from(error: teu_image::Error) -> Error {
        match error {
            teu_image::Error::NoSuchImage(name) => Error::NoSuchImage(name),
            error => {
                let message = chain(&error);
                match error.kind() {
                    ErrorKind::NotFound => Error::NotFound(message),
                    ErrorKind::Conflict => Error::Conflict(message),
                    ErrorKind::Invalid => Error::Invalid(message),
                    ErrorKind::Unsupported => Error::Unsupported(message),
                    ErrorKind::Internal => Error::Part { part: "image", message },
                }
            }
        }
    }
}

/// Newtype, since both the trait's and the store's names are short.
pub(crate) struct StoreImages(pub(crate) Store);

impl std::fmt::Debug for StoreImages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StoreImages").field(&self.0.driver()).finish()
    }
}

impl Images for StoreImages {
    fn resolve(&self, name: &str) -> Result<Image, Error> {
        Ok(self.0.resolve(name)?)
    }

    fn resolved(&self, name: &str) -> Option<Image> {
        self.0.resolved(name)
    }

    fn prepare(&self, key: &str, image: &Digest, options: &SnapshotOptions) -> Result<(), Error> {
        Ok(self.0.snapshot_prepare(key, image, options)?)
    }

    fn mount(&self, key: &str) -> Result<OwnedFd, Error> {
        Ok(self.0.snapshot_mount(key)?)
    }

    fn is_over_init(&self, key: &str) -> Result<bool, Error> {
        Ok(self.0.snapshot_over_init(key)?)
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        Ok(self.0.snapshot_remove(key)?)
    }

    fn restore(&self, key: &str, image: &str, ids: Option<&IdMaps>) -> Result<Restored, Error> {
        let image =
            image.parse().map_err(|error| Error::Part { part: "image", message: format!("{image}: {error}") })?;
        if self.0.snapshot_restore(key, &image, ids)? {
            return Ok(Restored::There);
        }
        Ok(self.0.snapshot_elsewhere(key).map_or(Restored::Gone, |driver| Restored::Elsewhere(driver.name())))
    }

    fn keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.0.snapshots()?)
    }

    fn written(&self, key: &str) -> Result<u64, Error> {
        Ok(self.0.snapshot_usage(key)?.bytes)
    }

    fn driver(&self) -> &'static str {
        self.0.driver().name()
    }
}
