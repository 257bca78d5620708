//! Snapshots and the layers below them.

use rusqlite::{OptionalExtension, params};
use teu_oci::digest::Digest;

use super::{Database, Key, digest};
use crate::error::{Error, Result};

impl Database {
    /// Enters a snapshot over an image's layers.
    pub(crate) fn insert_snapshot(&self, key: &str, image: &Digest) -> Result<()> {
        self.transaction(|t| {
            let known: Option<i64> = t
                .prepare_cached("SELECT 1 FROM images WHERE id = ?1")?
                .query_row([Key(image)], |row| row.get(0))
                .optional()?;
            if known.is_none() {
                return Err(Error::NoSuchImage(image.to_string()));
            }
            let inserted = t
                .prepare_cached("INSERT INTO snapshots (key, image) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
                .execute(params![key, Key(image)])?;
            if inserted == 0 {
                return Err(Error::SnapshotExists(key.to_owned()));
            }
            t.prepare_cached(
                "INSERT INTO snapshot_layers (key, position, diff_id)
                 SELECT ?1, position, diff_id FROM image_layers WHERE image = ?2",
            )?
            .execute(params![key, Key(image)])?;
            Ok(())
        })
    }

    /// Deletes a snapshot; answers whether it was there.
    pub(crate) fn delete_snapshot(&self, key: &str) -> Result<bool> {
        let connection = self.lock();
        Ok(connection.prepare_cached("DELETE FROM snapshots WHERE key = ?1")?.execute([key])? > 0)
    }

    /// The image that a snapshot is of; `None` if there is no such snapshot.
    pub(crate) fn snapshot_image(&self, key: &str) -> Result<Option<Digest>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT image FROM snapshots WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| digest(row, 0)).optional()?)
    }

    /// Whether an image is there, or a snapshot of it.
    pub(crate) fn is_image_needed(&self, image: &Digest) -> Result<bool> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT 1 FROM images WHERE id = ?1 UNION ALL SELECT 1 FROM snapshots WHERE image = ?1 LIMIT 1",
        )?;
        Ok(statement.exists([Key(image)])?)
    }

    /// All keys, sorted.
    pub(crate) fn snapshots(&self) -> Result<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT key FROM snapshots ORDER BY key")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Keys of the snapshots over layers of an image.
    pub(crate) fn snapshots_over(&self, image: &Digest) -> Result<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT key FROM snapshot_layers
             WHERE diff_id IN (SELECT diff_id FROM image_layers WHERE image = ?1)",
        )?;
        let rows = statement.query_map([Key(image)], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The layers below a snapshot that can be seen, top first: what is below one that hides everything is left out.
    pub(crate) fn snapshot_layers(&self, key: &str) -> Result<Vec<Digest>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT diff_id, opaque FROM snapshot_layers JOIN layers USING (diff_id) WHERE key = ?1 AND position >=
                (SELECT coalesce(max(s.position), 0) FROM snapshot_layers s JOIN layers l USING (diff_id)
                 WHERE s.key = ?1 AND l.opaque)
             ORDER BY position DESC",
        )?;
        let rows = statement.query_map([key], |row| digest(row, 0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
