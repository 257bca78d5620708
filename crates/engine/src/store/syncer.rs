//! The one thread that waits for the disk.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use teu_image::database;

/// How long nothing must have been written before it syncs.
const IDLE: Duration = Duration::from_millis(500);
/// How long it waits for that: a power cut takes at most what was written since, and what a sync takes itself.
const LONGEST: Duration = Duration::from_secs(1);
/// Time between two copies: one is some megabytes with a thousand containers.
const COPY: Duration = Duration::from_secs(10);
/// Pages of the log beyond which writers have to wait until it is empty (64 MiB): one that is always written to would grow
/// without bound.
const MOST_PAGES: i64 = 16 << 10;

/// Syncs until every handle is gone.
pub(super) fn run(path: &Path, written: &Receiver<()>, first: impl Fn()) {
    // When it was copied last, and whether something was written since.
    let (mut copied, mut stale): (Option<Instant>, bool) = (None, false);
    loop {
        let due = copied.map_or(Duration::ZERO, |copied| COPY.saturating_sub(copied.elapsed()));
        let news =
            if stale { written.recv_timeout(due) } else { written.recv().map_err(|_| RecvTimeoutError::Disconnected) };
        match news {
            Ok(()) => {
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
                stale = true;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if stale && copied.is_none_or(|copied| copied.elapsed() >= COPY) {
            if let Err(error) = copy(path) {
                tracing::warn!(%error, "the state database could not be copied; the copy before stays");
            }
            (copied, stale) = (Some(Instant::now()), false);
        }
    }
}

fn copy(path: &Path) -> io::Result<()> {
    database::copy(&Connection::open(path).map_err(io::Error::other)?, path)
}

/// Syncs the log and moves it into the database, by a connection of its own, so that the writer goes on meanwhile.
fn checkpoint(path: &Path) -> rusqlite::Result<()> {
    let db = Connection::open(path)?;
    if database::checkpoint(&db)? > MOST_PAGES {
        db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()))?;
    }
    Ok(())
}
