//! The one thread that writes.

use std::sync::mpsc::{Receiver, SyncSender};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

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

/// Writes until every handle is gone, and says so each time.
pub(super) fn run(mut db: Connection, inbox: &Receiver<Job>, wrote: &SyncSender<()>) {
    while let Ok(job) = inbox.recv() {
        write_batch(&mut db, job, inbox);
        // If it has been said already, that is as good.
        let _ = wrote.try_send(());
    }
}

/// Writes `first` and everything else that waits in one transaction.
fn write_batch(db: &mut Connection, first: Job, inbox: &Receiver<Job>) {
    let jobs: Vec<Job> = std::iter::once(first).chain(inbox.try_iter()).collect();
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
