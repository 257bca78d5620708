//! Layers and images from elsewhere: what pull, load, import and build are made of. And garbage collection.

use std::io::Read;
use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use teu_oci::digest::Digest;
use teu_oci::image::ImageConfig;

use super::{Inner, Store, now, seconds};
use crate::db::{ImageRow, LayerRow};
use crate::driver::{self, Stored};
use crate::error::{Error, Result};
use crate::ingest::{Pipeline, Verified};
use crate::layer::{Compression, Expectation, LayerInfo};
use crate::model::NewImage;

impl Store {
    /// A writer for one layer: give it the blob's bytes in order, then [`LayerWriter::finish`].
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn layer_writer(&self, expectation: Expectation) -> Result<LayerWriter> {
        let name =
            expectation.blob.or(expectation.diff_id).map_or_else(|| "of unknown digest".to_owned(), |d| d.to_string());
        let start = || Pipeline::start(self.0.driver.begin()?, expectation, self.0.limits);
        let pipeline = start().map_err(|source| Error::Layer { name: name.clone(), source })?;
        Ok(LayerWriter { inner: Arc::clone(&self.0), name, pipeline })
    }

    /// A hold on the layer with this diff id, if it is in the store.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hold_layer(&self, diff_id: &Digest) -> Result<Option<HeldLayer>> {
        let info = LayerInfo { diff_id: *diff_id, tar_size: 0, content_size: 0, entries: 0, disk_size: 0 };
        let mut held = HeldLayer::new(&self.0, info);
        Ok(self.0.db.layer(diff_id)?.map(|layer| {
            held.info = layer.info;
            held
        }))
    }

    /// A hold on the layer that a blob of this digest was unpacked to earlier, if it still is in the store: it need not
    /// be fetched again.
    ///
    /// # Errors
    /// If the database fails.
    pub fn hold_blob(&self, blob: &Digest) -> Result<Option<HeldLayer>> {
        let diff_id = match self.0.db.layer_of_blob(blob)? {
            Some(diff_id) => diff_id,
            // An uncompressed blob is the tar.
            None => *blob,
        };
        Ok(self.hold_layer(&diff_id)?.map(|mut held| {
            held.blob = Some(*blob);
            held
        }))
    }

    /// Remembers that a registry's repository has this blob for this layer, so that a later push skips it.
    ///
    /// # Errors
    /// If the database fails.
    pub fn remember_blob(&self, blob: &KnownBlob) -> Result<()> {
        self.0.db.insert_blob(blob, now())
    }

    /// The blobs known for a layer, most recent first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn known_blobs(&self, diff_id: &Digest) -> Result<Vec<KnownBlob>> {
        self.0.db.blobs(diff_id)
    }

    /// What is known of a layer, if it is in the store.
    ///
    /// # Errors
    /// If the database fails.
    pub fn layer(&self, diff_id: &Digest) -> Result<Option<LayerInfo>> {
        Ok(self.0.db.layer(diff_id)?.map(|layer| layer.info))
    }

    /// Enters an image whose layers are all in the store (and held by the caller meanwhile); answers its id.
    ///
    /// # Errors
    /// If the configuration does not parse or a layer is missing.
    pub fn create_image(&self, image: &NewImage) -> Result<Digest> {
        let id = Digest::of(&image.config);
        let config = parse_config(&id, &image.config)?;
        let row = ImageRow {
            id,
            config: image.config.clone(),
            created: seconds(config.created.as_deref()),
            size: 0,
            parent: image.parent,
            last_tagged: None,
        };
        let names: Vec<_> = image.tags.iter().chain(&image.digests).cloned().collect();
        self.0.db.insert_image(&row, &config.rootfs.diff_ids, &names, now())?;
        self.0.db.settle()?;
        Ok(id)
    }

    /// The uncompressed tar of a layer, byte for byte as it came.
    ///
    /// # Errors
    /// `MissingLayer`.
    pub fn layer_tar(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>> {
        let layer = self.0.db.layer(diff_id)?.ok_or(Error::MissingLayer(*diff_id))?;
        self.0.driver.open_tar(diff_id, layer.info.tar_size)
    }

    /// Bytes that all layers take on disk, each counted once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn disk_usage(&self) -> Result<u64> {
        self.0.db.layers_disk_size()
    }

    /// Removes layers that no image, snapshot or holder needs: what a failed pull left. Waits until
    /// they and those removed before are gone. Answers the bytes given back.
    ///
    /// # Errors
    /// If a layer cannot be removed.
    pub fn collect_garbage(&self) -> Result<u64> {
        let removed = self.0.collect_garbage()?;
        self.0.reaper.drain();
        Ok(removed.iter().map(|layer| layer.disk_size).sum())
    }
}

/// The most layers of an image: `OVL_MAX_STACK` of the kernel.
pub(super) const MAX_LAYERS: usize = 500;

/// Parses an image configuration and bounds what it may say.
pub(crate) fn parse_config(id: &Digest, config: &[u8]) -> Result<ImageConfig> {
    let config: ImageConfig = serde_json::from_slice(config)
        .map_err(|source| Error::Document { what: format!("configuration of image {id}"), source })?;
    if config.rootfs.diff_ids.len() > MAX_LAYERS {
        return Err(Error::Inconsistent { image: *id, reason: format!("more than {MAX_LAYERS} layers") });
    }
    Ok(config)
}

impl Inner {
    fn lock_holds(&self) -> MutexGuard<'_, std::collections::HashMap<Digest, usize>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps others from collecting garbage.
    pub(super) fn lock_collecting(&self) -> MutexGuard<'_, ()> {
        self.collecting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the layers that nothing needs, and the init layers; answers which layers.
    pub(super) fn collect_garbage(&self) -> Result<Vec<LayerInfo>> {
        self.collect(&self.lock_collecting())
    }

    /// As [`Self::collect_garbage`], for who has kept others from it.
    pub(super) fn collect(&self, _alone: &MutexGuard<'_, ()>) -> Result<Vec<LayerInfo>> {
        let mut removed = Vec::new();
        for layer in self.db.unused_layers()? {
            let diff_id = layer.info.diff_id;
            // The lock is for this layer's file alone: someone may hold it only before or after.
            let holds = self.lock_holds();
            if holds.contains_key(&diff_id) || !self.db.delete_unused_layer(&diff_id)? {
                continue;
            }
            self.mounter.detach(diff_id)?;
            let doomed = driver::take_out(&self.folder, &driver::layer_path(&diff_id))?;
            drop(holds);
            doomed.into_iter().for_each(|doomed| self.reaper.remove(doomed));
            removed.push(layer.info);
        }
        self.collect_init_layers();
        Ok(removed)
    }
}

/// A layer on its way into the store. Dropped before [`Self::finish`], it leaves nothing behind.
pub struct LayerWriter {
    inner: Arc<Inner>,
    name: String,
    pipeline: Pipeline,
}

impl LayerWriter {
    /// Takes the blob's next bytes; blocks while the stages behind are busy.
    ///
    /// # Errors
    /// If the layer was found to be bad, or could not be written. There is nothing to do then but to drop the writer.
    pub fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.pipeline.write(bytes).map_err(|source| Error::Layer { name: self.name.clone(), source })
    }

    /// Bytes taken so far: where to resume a transfer.
    pub fn position(&self) -> u64 {
        self.pipeline.position()
    }

    /// Says that the blob is complete: verifies it and publishes the layer.
    ///
    /// # Errors
    /// If the layer is not what was expected or breaks a rule.
    pub fn finish(self) -> Result<HeldLayer> {
        let Self { inner, name, pipeline } = self;
        let failed = |source| Error::Layer { name: name.clone(), source };
        let verified = pipeline.verify().map_err(failed)?;
        let Verified { diff_id, blob, compression, .. } = verified;
        // Held before the file appears, so that nobody collects it before an image refers to it.
        let info = LayerInfo { diff_id, tar_size: 0, content_size: 0, entries: 0, disk_size: 0 };
        let mut held = HeldLayer::new(&inner, info);
        if let Some(present) = inner.db.layer(&diff_id)? {
            held.info = present.info;
        } else {
            let Stored { tar_size, content_size, entries, disk_size, opaque } =
                verified.sink.publish(&diff_id).map_err(failed)?;
            held.info = LayerInfo { diff_id, tar_size, content_size, entries, disk_size };
            inner.db.insert_layer(&LayerRow { info: held.info.clone(), opaque })?;
        }
        held.blob = Some(blob);
        held.compression = compression;
        Ok(held)
    }
}

/// A layer in the store that garbage collection leaves alone as long as this value lives.
pub struct HeldLayer {
    inner: Arc<Inner>,
    /// What is known of it.
    pub info: LayerInfo,
    /// Digest of the blob it came as, when it was just written.
    pub blob: Option<Digest>,
    /// How that blob was compressed.
    pub compression: Compression,
}

impl HeldLayer {
    /// Holds a layer, whether it is there already or not.
    fn new(inner: &Arc<Inner>, info: LayerInfo) -> Self {
        *inner.lock_holds().entry(info.diff_id).or_default() += 1;
        Self { inner: Arc::clone(inner), info, blob: None, compression: Compression::None }
    }
}

impl Drop for HeldLayer {
    fn drop(&mut self) {
        let mut holds = self.inner.lock_holds();
        if let Some(count) = holds.get_mut(&self.info.diff_id) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.info.diff_id);
            }
        }
    }
}

/// A blob in a registry that holds a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBlob {
    /// The layer.
    pub diff_id: Digest,
    /// Digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its media type.
    pub media_type: String,
    /// The repository, `docker.io/library/busybox`.
    pub repository: String,
}
