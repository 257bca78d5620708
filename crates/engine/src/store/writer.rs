//! The one thread that writes.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::oneshot;

use super::reserve::Reserve;

/// How long after a state could not be stored that is tried again.
const RETRY: Duration = Duration::from_secs(5);

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

/// The thread's own.
pub(super) struct Writer {
    db: Connection,
    reserve: Reserve,
    /// States that could not be stored, of which the last of each container counts.
    late: BTreeMap<String, String>,
}

impl Writer {
    pub(super) fn new(db: Connection, reserve: Reserve) -> Writer {
        Writer { db, reserve, late: BTreeMap::new() }
    }

    /// Writes until every handle is gone, and says so each time.
    pub(super) fn run(mut self, inbox: &Receiver<Job>, wrote: &SyncSender<()>) {
        loop {
            let first = if self.late.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(RETRY)
            };
            // As many as wait are one transaction.
            let jobs: Vec<Job> = match first {
                Ok(job) => std::iter::once(job).chain(inbox.try_iter()).collect(),
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.write(jobs);
            // If it has been said already, that is as good.
            let _ = wrote.try_send(());
        }
    }

    fn write(&mut self, jobs: Vec<Job>) {
        self.reserve.renew();
        let mut written = self.commit(&jobs);
        if written.as_ref().is_err_and(is_full) && self.reserve.give() {
            tracing::error!("the disk is full: the room kept for the state database is used");
            written = self.commit(&jobs);
        }
        match written {
            Ok(()) => {
                if !self.late.is_empty() {
                    tracing::info!("the state database can be written again");
                    self.late.clear();
                }
                jobs.into_iter().for_each(|job| answer(job, Ok(())));
            }
            Err(error) => {
                // One bad write must not take the others with it: each gets a transaction of its own.
                tracing::debug!(%error, "a batch of writes failed; writing one by one");
                jobs.into_iter().for_each(|job| self.write_alone(job));
            }
        }
    }

    /// Everything, and what is late before it.
    fn commit(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        let tx = self.db.transaction()?;
        for (id, state) in &self.late {
            apply(&tx, &Write::State { id: id.clone(), state: state.clone() })?;
        }
        for job in jobs {
            apply(&tx, &job.write)?;
        }
        tx.commit()
    }

    fn write_alone(&mut self, job: Job) {
        let result = apply(&self.db, &job.write);
        match (&job.write, &result) {
            (Write::State { id, state }, Err(error)) => {
                if self.late.is_empty() {
                    tracing::error!(%error, "the state database cannot be written; what becomes of containers is kept in memory until it can");
                }
                self.late.insert(id.clone(), state.clone());
            }
            (Write::State { id, .. } | Write::Delete { id }, Ok(())) => drop(self.late.remove(id)),
            _ => {}
        }
        answer(job, result);
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

fn answer(job: Job, result: rusqlite::Result<()>) {
    match job.done {
        // The caller may have gone away: nothing to tell then.
        Some(done) => drop(done.send(result)),
        None => {
            if let Err(error) = result
                && !matches!(job.write, Write::State { .. })
            {
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
