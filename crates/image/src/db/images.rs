//! Images and the layers they are made of.

use rusqlite::{OptionalExtension, params};
use teu_oci::digest::Digest;
use teu_oci::reference::Reference;

use super::names::insert_name;
use super::{Database, Key, count, digest, stored};
use crate::error::{Error, Result};

/// An image without names and layers.
#[derive(Clone, Debug)]
pub(crate) struct ImageRow {
    pub(crate) id: Digest,
    pub(crate) config: Vec<u8>,
    pub(crate) created: i64,
    pub(crate) size: u64,
    pub(crate) parent: Option<Digest>,
    pub(crate) last_tagged: Option<i64>,
}

const COLUMNS: &str = "id, config, created, size, parent, last_tagged";

impl Database {
    /// Enters an image with names, at once: none is ever seen without them. Entering it again changes nothing but those. The size
    /// is summed up from its layers.
    pub(crate) fn insert_image(
        &self,
        image: &ImageRow,
        layers: &[Digest],
        names: &[Reference],
        now: i64,
    ) -> Result<()> {
        let inserted = self.transaction(|t| {
            let mut size = 0;
            for diff_id in layers {
                let layer: Option<i64> = t
                    .prepare_cached("SELECT content_size FROM layers WHERE diff_id = ?1")?
                    .query_row([Key(diff_id)], |row| row.get(0))
                    .optional()?;
                size += layer.ok_or(Error::MissingLayer(*diff_id))?;
            }
            let parent = image.parent.as_ref().map(Key);
            let inserted = t
                .prepare_cached("INSERT INTO images (id, config, created, size, parent) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?
                .execute(params![Key(&image.id), image.config, image.created, size, parent])?;
            if inserted > 0 {
                for (position, diff_id) in layers.iter().enumerate() {
                    t.prepare_cached("INSERT INTO image_layers (image, position, diff_id) VALUES (?1, ?2, ?3)")?
                        .execute(params![Key(&image.id), stored(position as u64), Key(diff_id)])?;
                }
            }
            names.iter().try_for_each(|name| insert_name(t, &image.id, name, now))
        });
        self.changed();
        inserted
    }

    pub(crate) fn image(&self, id: &Digest) -> Result<Option<ImageRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM images WHERE id = ?1"))?;
        Ok(statement.query_row([Key(id)], image_row).optional()?)
    }

    /// All images, newest first.
    pub(crate) fn images(&self) -> Result<Vec<ImageRow>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {COLUMNS} FROM images ORDER BY created DESC, id"))?;
        let rows = statement.query_map([], image_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Up to two images whose ids begin with these hex digits: two tell that the prefix is ambiguous.
    pub(crate) fn images_by_prefix(&self, prefix: &str) -> Result<Vec<Digest>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT id FROM images WHERE substr(lower(hex(id)), 1, ?2) = ?1 LIMIT 2")?;
        let rows = statement.query_map(params![prefix, stored(prefix.len() as u64)], |row| digest(row, 0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The layers of an image, bottom first.
    pub(crate) fn image_layers(&self, id: &Digest) -> Result<Vec<Digest>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT diff_id FROM image_layers WHERE image = ?1 ORDER BY position")?;
        let rows = statement.query_map([Key(id)], |row| digest(row, 0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Bytes of an image's layers that other images use too.
    pub(crate) fn shared_size(&self, id: &Digest) -> Result<u64> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT coalesce(sum(l.content_size), 0) FROM image_layers own JOIN layers l USING (diff_id)
             WHERE own.image = ?1 AND EXISTS
                (SELECT 1 FROM image_layers o WHERE o.diff_id = own.diff_id AND o.image <> own.image)",
        )?;
        Ok(statement.query_row([Key(id)], |row| count(row, 0))?)
    }

    /// Deletes an image with its names.
    pub(crate) fn delete_image(&self, id: &Digest) -> Result<()> {
        let deleted = self.transaction(|t| {
            t.prepare_cached("DELETE FROM names WHERE image = ?1")?.execute([Key(id)])?;
            t.prepare_cached("DELETE FROM images WHERE id = ?1")?.execute([Key(id)])?;
            Ok(())
        });
        self.changed();
        deleted
    }
}

fn image_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ImageRow> {
    let parent: Option<[u8; 32]> = row.get(4)?;
    Ok(ImageRow {
        id: digest(row, 0)?,
        config: row.get(1)?,
        created: row.get(2)?,
        size: count(row, 3)?,
        parent: parent.map(Digest::from_bytes),
        last_tagged: row.get(5)?,
    })
}
