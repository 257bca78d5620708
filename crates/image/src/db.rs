//! The store's metadata: one SQLite database per driver, because layers are kept in the driver's own form.
//!
//! Write-ahead log with `synchronous=NORMAL`: a killed engine loses nothing, a machine without power may lose what was not
//! synced by [`Database::sync`] but never gets an inconsistent database. Files are therefore renamed into place before the row
//! that says so is written, and unlinked after the row that said so is gone; [`crate::store`] compares both at open.

mod images;
mod layers;
mod names;
mod snapshots;
mod usage;

pub(crate) use images::ImageRow;
pub(crate) use layers::LayerRow;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use teu_oci::digest::Digest;

use crate::database;
use crate::error::{Error, Result};

/// Version of [`SCHEMA`], kept in `user_version`.
const VERSION: i64 = 1;

/// Digests are their 32 bytes, times are seconds since 1970 UTC, sizes are bytes.
const SCHEMA: &str = "
CREATE TABLE images (
    id          BLOB PRIMARY KEY,
    config      BLOB NOT NULL,
    created     INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    parent      BLOB,
    last_tagged INTEGER
) WITHOUT ROWID;
CREATE TABLE layers (
    diff_id      BLOB PRIMARY KEY,
    tar_size     INTEGER NOT NULL,
    content_size INTEGER NOT NULL,
    entries      INTEGER NOT NULL,
    disk_size    INTEGER NOT NULL,
    opaque       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE image_layers (
    image    BLOB NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    diff_id  BLOB NOT NULL REFERENCES layers (diff_id),
    PRIMARY KEY (image, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_by_layer ON image_layers (diff_id);
-- What an image is called: the tag is empty where the digest is not, and the other way round.
CREATE TABLE names (
    repository TEXT NOT NULL,
    tag        TEXT NOT NULL,
    digest     BLOB NOT NULL,
    image      BLOB NOT NULL REFERENCES images (id),
    PRIMARY KEY (repository, tag, digest)
) WITHOUT ROWID;
CREATE INDEX names_by_image ON names (image);
-- Which blobs in which repositories hold a layer.
CREATE TABLE blobs (
    diff_id    BLOB NOT NULL REFERENCES layers (diff_id) ON DELETE CASCADE,
    digest     BLOB NOT NULL,
    repository TEXT NOT NULL,
    size       INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    seen       INTEGER NOT NULL,
    PRIMARY KEY (diff_id, digest, repository)
) WITHOUT ROWID;
CREATE INDEX blobs_by_digest ON blobs (digest);
CREATE TABLE snapshots (
    key   TEXT PRIMARY KEY,
    image BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE snapshot_layers (
    key      TEXT NOT NULL REFERENCES snapshots (key) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    diff_id  BLOB NOT NULL REFERENCES layers (diff_id),
    PRIMARY KEY (key, position)
) WITHOUT ROWID;
CREATE INDEX snapshot_layers_by_layer ON snapshot_layers (diff_id);
";

/// The open database. One connection: every statement takes microseconds.
pub(crate) struct Database {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Held by who syncs: a second checkpoint at a time would return before the first is done.
    syncing: Mutex<()>,
    /// Changes of images and their names so far.
    edition: AtomicU64,
}

impl Database {
    /// Opens or creates it. One that is damaged is kept aside, and its last copy takes its place.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut damage = match Self::attempt(path, true) {
            Err(Error::Database(error)) if database::is_damage(&error) => error,
            opened => return opened,
        };
        let failed = |source| Error::File { action: "cannot replace", path: path.to_owned(), source };
        // First by the copy; if that is damaged too, by nothing.
        loop {
            let kept = database::set_aside(path).map_err(failed)?;
            let copied = database::restore(path).map_err(failed)?;
            let kept = kept.display();
            tracing::error!(%damage, %kept, copied, "the image database is damaged: it is kept aside, and its copy takes its place");
            match Self::attempt(path, false) {
                Err(Error::Database(error)) if copied && database::is_damage(&error) => damage = error,
                opened => return opened,
            }
            database::forget_copy(path).map_err(failed)?;
        }
    }

    /// `expected`: where there is a copy, an empty database is a damaged one.
    fn attempt(path: &Path, expected: bool) -> Result<Self> {
        let mut connection = Connection::open(path)?;
        database::check(&connection)?;
        if expected && database::is_emptied(&connection, path)? {
            return Err(database::damage("it is empty".to_owned()).into());
        }
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // A checkpoint syncs to disk: never on the way of a container's start.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.set_prepared_statement_cache_capacity(64);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version == 0 {
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        } else if version != VERSION {
            return Err(Error::DatabaseVersion { path: path.to_owned(), found: version, known: VERSION });
        }
        transaction.commit()?;
        Ok(Self {
            connection: Mutex::new(connection),
            path: path.to_owned(),
            syncing: Mutex::new(()),
            edition: AtomicU64::new(0),
        })
    }

    /// Gets everything onto the disk that was committed before, and back from the log to the database. Does not block other
    /// callers.
    pub(crate) fn sync(&self) -> Result<()> {
        let _syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = Connection::open(&self.path)?;
        database::checkpoint(&connection)?;
        Ok(())
    }

    /// Goes up with each change of images or their names. What was read before it is the same as long as it is.
    pub(crate) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// Images or their names have changed. Called before the change is answered, also if it failed.
    fn changed(&self) {
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// Syncs what was changed of images, and copies it.
    pub(crate) fn settle(&self) -> Result<()> {
        self.sync()?;
        let connection = Connection::open(&self.path)?;
        let _syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = database::copy(&connection, &self.path) {
            tracing::warn!(%error, "the image database could not be copied; the copy before stays");
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic within a transaction rolled it back: the connection is as good as before.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

/// A digest as a parameter.
struct Key<'a>(&'a Digest);

impl rusqlite::ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0.as_bytes()[..]))
    }
}

/// A digest from a column.
fn digest(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get(column).map(Digest::from_bytes)
}

/// A size or count as SQLite has it.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A size or count from a column.
fn count(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(|value: i64| u64::try_from(value).unwrap_or(0))
}
