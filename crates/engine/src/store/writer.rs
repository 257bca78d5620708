//! The one thread that writes.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

/// How long the writer must have been idle before it checkpoints (which calls fsync).
const IDLE: Duration = Duration::from_millis(500);
/// Writes after which it checkpoints although it is busy, so that the log does not grow without bound.
const MOST_PENDING: usize = 20_000;

/// One change of the database.
#[derive(Debug)]
pub(crate) enum Write {
    /// Adds a container.
    Insert { id: String, name: String, definition: String, state: String },
    /// Replaces what a container is defined as (rename, update).
    Define { id: String, name: String, definition: String },
    /// Replaces a container's state.
    State { id: String, state: String },
    /// Forgets a container.
    Delete { id: String },
    /// Nothing: marks a place in the queue.
    Nothing,
}

/// A write and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) write: Write,
    pub(super) done: Option<oneshot::Sender<rusqlite::Result<()>>>,
}

/// Writes until every handle is gone.
pub(super) fn run(mut db: Connection, inbox: &Receiver<Job>) {
    let mut pending = 0;
    loop {
        let first = if pending == 0 {
            inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            inbox.recv_timeout(IDLE)
        };
        match first {
            Ok(job) => pending += write_batch(&mut db, job, inbox),
            Err(RecvTimeoutError::Timeout) => pending = checkpoint(&db),
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if pending >= MOST_PENDING {
            pending = checkpoint(&db);
        }
    }
    checkpoint(&db);
}

/// Writes `first` and everything else that waits in one transaction; returns how many writes it were.
fn write_batch(db: &mut Connection, first: Job, inbox: &Receiver<Job>) -> usize {
    let jobs: Vec<Job> = std::iter::once(first).chain(inbox.try_iter()).collect();
    let count = jobs.len();
    if let Err(error) = begin_apply_commit(db, &jobs) {
        // One bad write must not take the others with it: each gets a transaction of its own.
        tracing::debug!(%error, "a batch of writes failed; writing one by one");
        for job in jobs {
            let result = apply(db, &job.write);
            answer(job, result);
        }
    } else {
        for job in jobs {
            answer(job, Ok(()));
        }
    }
    count
}

fn begin_apply_commit(db: &mut Connection, jobs: &[Job]) -> rusqlite::Result<()> {
    let tx = db.transaction()?;
    for job in jobs {
        apply(&tx, &job.write)?;
    }
    tx.commit()
}

fn answer(job: Job, result: rusqlite::Result<()>) {
    match job.done {
        // The caller may have gone away: nothing to tell then.
        Some(done) => drop(done.send(result)),
        None => {
            if let Err(error) = result {
                tracing::error!(%error, write = ?job.write, "the state database refused a write");
            }
        }
    }
}

fn apply(db: &Connection, write: &Write) -> rusqlite::Result<()> {
    match write {
        Write::Insert { id, name, definition, state } => db
            .prepare_cached("INSERT INTO containers VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, name, definition, state])?,
        Write::Define { id, name, definition } => db
            .prepare_cached("UPDATE containers SET name = ?2, definition = ?3 WHERE id = ?1")?
            .execute(params![id, name, definition])?,
        Write::State { id, state } => {
            db.prepare_cached("UPDATE containers SET state = ?2 WHERE id = ?1")?.execute(params![id, state])?
        }
        Write::Delete { id } => db.prepare_cached("DELETE FROM containers WHERE id = ?1")?.execute(params![id])?,
        Write::Nothing => 0,
    };
    Ok(())
}

/// Moves the log into the database; returns the writes that are still pending, which is none.
fn checkpoint(db: &Connection) -> usize {
    if let Err(error) = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the state database's checkpoint failed");
    }
    0
}
