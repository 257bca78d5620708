//! Names of images: tags and digests.

use rusqlite::{OptionalExtension, Transaction, params};
use teu_oci::digest::Digest;
use teu_oci::reference::Reference;

use super::{Database, Key, digest};
use crate::error::Result;

impl Database {
    /// Gives an image a name; a tag is taken from the image that had it. A tag without image would be an error of the caller's.
    pub(crate) fn insert_names(&self, image: &Digest, names: &[Reference], now: i64) -> Result<()> {
        let inserted = self.transaction(|t| names.iter().try_for_each(|name| insert_name(t, image, name, now)));
        self.changed();
        inserted
    }

    /// Takes names away, all at once.
    pub(crate) fn delete_names(&self, names: &[Reference]) -> Result<()> {
        let deleted = self.transaction(|t| {
            let mut statement =
                t.prepare_cached("DELETE FROM names WHERE repository = ?1 AND tag = ?2 AND digest = ?3")?;
            names.iter().map(columns).try_for_each(|(repository, tag, digest)| {
                statement.execute(params![repository, tag, digest])?;
                Ok(())
            })
        });
        self.changed();
        deleted
    }

    /// The image with this name.
    pub(crate) fn image_of_name(&self, name: &Reference) -> Result<Option<Digest>> {
        let (repository, tag, name_digest) = columns(name);
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT image FROM names WHERE repository = ?1 AND tag = ?2 AND digest = ?3")?;
        Ok(statement.query_row(params![repository, tag, name_digest], |row| digest(row, 0)).optional()?)
    }

    /// The names of an image: first tags, then digests, each sorted.
    pub(crate) fn names(&self, image: &Digest) -> Result<(Vec<Reference>, Vec<Reference>)> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT repository, tag, digest, image FROM names WHERE image = ?1 ORDER BY repository, tag, digest",
        )?;
        let rows = statement.query_map([Key(image)], name_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows.into_iter().filter_map(|(name, _)| name).partition(|name| name.tag().is_some()))
    }

    /// All names with their images, sorted.
    pub(crate) fn all_names(&self) -> Result<Vec<(Reference, Digest)>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT repository, tag, digest, image FROM names ORDER BY repository, tag, digest")?;
        let rows = statement.query_map([], name_row)?.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(rows.into_iter().filter_map(|(name, image)| Some((name?, image))).collect())
    }
}

pub(super) fn insert_name(t: &Transaction<'_>, image: &Digest, name: &Reference, now: i64) -> Result<()> {
    let (repository, tag, digest) = columns(name);
    t.prepare_cached(
        "INSERT INTO names (repository, tag, digest, image) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET image = excluded.image",
    )?
    .execute(params![repository, tag, digest, Key(image)])?;
    if name.tag().is_some() {
        t.prepare_cached("UPDATE images SET last_tagged = ?2 WHERE id = ?1")?.execute(params![Key(image), now])?;
    }
    Ok(())
}

/// A name with a digest is that digest's, whatever tag it came with.
fn columns(name: &Reference) -> (String, String, Vec<u8>) {
    match name.digest() {
        Some(digest) => (name.repository(), String::new(), digest.as_bytes().to_vec()),
        None => (name.repository(), name.tag().unwrap_or_default().to_owned(), Vec::new()),
    }
}

fn name_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Option<Reference>, Digest)> {
    let (repository, tag): (String, String) = (row.get(0)?, row.get(1)?);
    let bytes: Vec<u8> = row.get(2)?;
    // What was stored was parsed before, so it parses again.
    let repository = Reference::parse(&repository).ok();
    let name = match <[u8; 32]>::try_from(bytes) {
        Ok(bytes) => repository.map(|name| name.with_digest(Digest::from_bytes(bytes))),
        Err(_) => repository.and_then(|name| name.with_tag(&tag).ok()),
    };
    Ok((name, digest(row, 3)?))
}
