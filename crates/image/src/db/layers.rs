//! Layers, and the blobs they were known as.

use rusqlite::{OptionalExtension, params};
use teu_oci::digest::Digest;

use super::{Database, Key, count, digest, stored};
use crate::error::Result;
use crate::layer::LayerInfo;
use crate::store::KnownBlob;

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerRow {
    pub(crate) info: LayerInfo,
    /// Whether it hides everything below it.
    pub(crate) opaque: bool,
}

const COLUMNS: &str = "diff_id, tar_size, content_size, entries, disk_size, opaque";

/// What nothing refers to.
const UNUSED: &str = "NOT EXISTS (SELECT 1 FROM image_layers u WHERE u.diff_id = layers.diff_id)
     AND NOT EXISTS (SELECT 1 FROM snapshot_layers u WHERE u.diff_id = layers.diff_id)";

impl Database {
    pub(crate) fn insert_layer(&self, layer: &LayerRow) -> Result<()> {
        let LayerInfo { diff_id, tar_size, content_size, entries, disk_size } = &layer.info;
        let connection = self.lock();
        connection
            .prepare_cached(&format!(
                "INSERT INTO layers ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING"
            ))?
            .execute(params![
                Key(diff_id),
                stored(*tar_size),
                stored(*content_size),
                stored(*entries),
                stored(*disk_size),
                layer.opaque
            ])?;
        Ok(())
    }

    pub(crate) fn layer(&self, diff_id: &Digest) -> Result<Option<LayerRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM layers WHERE diff_id = ?1"))?;
        Ok(statement.query_row([Key(diff_id)], layer_row).optional()?)
    }

    /// All layers.
    pub(crate) fn layers(&self) -> Result<Vec<LayerRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM layers"))?;
        let rows = statement.query_map([], layer_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Layers that neither an image nor a snapshot needs.
    pub(crate) fn unused_layers(&self) -> Result<Vec<LayerRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM layers WHERE {UNUSED}"))?;
        let rows = statement.query_map([], layer_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Deletes a layer's row if nothing needs it; answers whether it did.
    pub(crate) fn delete_unused_layer(&self, diff_id: &Digest) -> Result<bool> {
        let connection = self.lock();
        let deleted = connection
            .prepare_cached(&format!("DELETE FROM layers WHERE diff_id = ?1 AND {UNUSED}"))?
            .execute([Key(diff_id)])?;
        Ok(deleted > 0)
    }

    /// Deletes a layer whose file is gone, with the images and snapshots that cannot be without it; answers the images.
    pub(crate) fn delete_lost_layer(&self, diff_id: &Digest) -> Result<Vec<Digest>> {
        let lost = self.transaction(|t| {
            let images: Vec<Digest> = t
                .prepare_cached("SELECT DISTINCT image FROM image_layers WHERE diff_id = ?1")?
                .query_map([Key(diff_id)], |row| digest(row, 0))?
                .collect::<rusqlite::Result<_>>()?;
            for image in &images {
                t.execute("DELETE FROM names WHERE image = ?1", [Key(image)])?;
                t.execute("DELETE FROM images WHERE id = ?1", [Key(image)])?;
            }
            t.execute(
                "DELETE FROM snapshots WHERE key IN (SELECT key FROM snapshot_layers WHERE diff_id = ?1)",
                [Key(diff_id)],
            )?;
            t.execute("DELETE FROM layers WHERE diff_id = ?1", [Key(diff_id)])?;
            Ok(images)
        });
        self.changed();
        lost
    }

    /// Bytes of all layers on disk.
    pub(crate) fn layers_disk_size(&self) -> Result<u64> {
        let connection = self.lock();
        Ok(connection.query_row("SELECT coalesce(sum(disk_size), 0) FROM layers", [], |row| count(row, 0))?)
    }

    /// Remembers a blob of a layer; what is not of this store is not remembered.
    pub(crate) fn insert_blob(&self, blob: &KnownBlob, now: i64) -> Result<()> {
        let connection = self.lock();
        connection
            .prepare_cached(
                "INSERT INTO blobs (diff_id, digest, repository, size, media_type, seen)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM layers WHERE diff_id = ?1)
                 ON CONFLICT DO UPDATE SET seen = excluded.seen",
            )?
            .execute(params![
                Key(&blob.diff_id),
                Key(&blob.digest),
                blob.repository,
                stored(blob.size),
                blob.media_type,
                now
            ])?;
        Ok(())
    }

    /// The blobs of a layer, most recent first.
    pub(crate) fn blobs(&self, diff_id: &Digest) -> Result<Vec<KnownBlob>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT diff_id, digest, repository, size, media_type FROM blobs WHERE diff_id = ?1
             ORDER BY seen DESC, repository, digest",
        )?;
        let rows = statement.query_map([Key(diff_id)], |row| {
            Ok(KnownBlob {
                diff_id: digest(row, 0)?,
                digest: digest(row, 1)?,
                repository: row.get(2)?,
                size: count(row, 3)?,
                media_type: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The layer that a blob holds.
    pub(crate) fn layer_of_blob(&self, blob: &Digest) -> Result<Option<Digest>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT diff_id FROM blobs WHERE digest = ?1 LIMIT 1")?;
        Ok(statement.query_row([Key(blob)], |row| digest(row, 0)).optional()?)
    }
}

fn layer_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<LayerRow> {
    Ok(LayerRow {
        info: LayerInfo {
            diff_id: digest(row, 0)?,
            tar_size: count(row, 1)?,
            content_size: count(row, 2)?,
            entries: count(row, 3)?,
            disk_size: count(row, 4)?,
        },
        opaque: row.get(5)?,
    })
}
