//! Tables, and what is read from them at start.

use rusqlite::{Connection, params};

use super::{ContainerRow, Contents};

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
pub(super) fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    // Checkpoints call fsync: the writer does them when it has nothing else to do.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "cache_size", -512)?;
    db.execute_batch(TABLES)?;
    let tx = db.transaction()?;
    tx.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?1)", params![VERSION.to_string()])?;
    tx.execute("INSERT OR IGNORE INTO meta VALUES ('engine_id', ?1)", params![crate::ids::uuid()])?;
    tx.commit()
}

/// Reads everything.
pub(super) fn read(db: &Connection) -> rusqlite::Result<Contents> {
    let mut containers = db.prepare("SELECT definition, state FROM containers")?;
    let containers = containers
        .query_map([], |row| Ok(ContainerRow { definition: row.get(0)?, state: row.get(1)? }))?
        .collect::<rusqlite::Result<_>>()?;
    let engine_id = db.query_row("SELECT value FROM meta WHERE key = 'engine_id'", [], |row| row.get(0))?;
    Ok(Contents { containers, engine_id })
}
