//! The one thread that waits for the disk.

use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// How long nothing must have been written before it syncs.
const IDLE: Duration = Duration::from_millis(500);
/// How long it waits for that: a power cut takes at most what was written since, and what a sync takes itself.
const LONGEST: Duration = Duration::from_secs(1);
/// Pages of the log beyond which writers have to wait until it is empty (64 MiB): one that is always written to would grow
/// without bound.
const MOST_PAGES: i64 = 16 << 10;

/// Syncs until every handle is gone.
pub(super) fn run(path: &Path, written: &Receiver<()>, first: impl Fn()) {
    while written.recv().is_ok() {
        let until = Instant::now() + LONGEST;
        // Asleep rather than waiting for the next write: waking this thread would be on the way of each.
        std::thread::sleep(IDLE);
        while written.try_recv().is_ok() && Instant::now() < until {
            std::thread::sleep(IDLE);
        }
        first();
        if let Err(error) = checkpoint(path) {
            tracing::warn!(%error, "the state database could not be synced to the disk");
        }
    }
}

/// Syncs the log and moves it into the database, by a connection of its own, so that the writer goes on meanwhile.
fn checkpoint(path: &Path) -> rusqlite::Result<()> {
    let db = Connection::open(path)?;
    let pages = |mode: &str| db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get::<_, i64>(1));
    if pages("PASSIVE")? > MOST_PAGES {
        pages("RESTART")?;
    }
    Ok(())
}
