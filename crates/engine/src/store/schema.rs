//! Tables, and what is read from them at start.

use rusqlite::{Connection, params};

use super::{ContainerRow, Contents};
use crate::Error;

/// Raised when the tables change; `prepare` then brings an older database up to date.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;
";

/// Sets the connection up and makes the tables.
pub(super) fn prepare(db: &mut Connection) -> Result<(), Error> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    // Checkpoints call fsync: another thread does them.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "cache_size", -512)?;
    let tx = db.transaction()?;
    tx.execute_batch(TABLES)?;
    tx.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?1)", params![VERSION.to_string()])?;
    let found: String = tx.query_row("SELECT value FROM meta WHERE key = 'version'", [], |row| row.get(0))?;
    if found != VERSION.to_string() {
        return Err(Error::StateVersion { found, known: VERSION });
    }
    tx.execute("INSERT OR IGNORE INTO meta VALUES ('engine_id', ?1)", params![crate::ids::uuid()?])?;
    Ok(tx.commit()?)
}

/// Reads everything.
pub(super) fn read(db: &Connection) -> rusqlite::Result<Contents> {
    let mut containers = db.prepare("SELECT definition, state FROM containers")?;
    let containers = containers
        .query_map([], |row| Ok(ContainerRow { definition: row.get(0)?, state: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    let engine_id = db.query_row("SELECT value FROM meta WHERE key = 'engine_id'", [], |row| row.get(0))?;
    Ok(Contents { containers, engine_id, rebuilt: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let open = || Connection::open(&path).expect("a database");
        prepare(&mut open()).expect("made");
        prepare(&mut open()).expect("opened");
        open().execute("UPDATE meta SET value = '99' WHERE key = 'version'", []).expect("changed");
        let error = prepare(&mut open()).expect_err("a newer format");
        assert!(matches!(&error, Error::StateVersion { found, known: VERSION } if found == "99"), "{error}");
        assert!(error.to_string().contains("start the version that wrote it"), "{error}");
    }
}
