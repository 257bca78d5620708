//! The state database: what should be. What is belongs to the kernel and is compared with it at start.
//!
//! A container's rows are the record of intent: its row is written before (or with) its root file system and deleted
//! before its files are, and its endpoint is written before its process exists. Whatever an operation leaves half done is
//! therefore found by comparing rows with what is there, in both directions.
//!
//! SQLite in WAL mode with `synchronous=NORMAL`: a commit survives `kill -9` and costs no fsync. One thread writes, in
//! the order in which writes were handed over, as many as are waiting in one transaction. Another gets that onto the disk,
//! within about a second, and keeps a copy beside it for the case that it is damaged (`rebuild`). Nothing reads but the start: from then on memory is the truth and the database follows.

mod rebuild;
mod reserve;
mod schema;
mod syncer;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use self::reserve::Reserve;
pub(crate) use writer::Write;
use writer::Writer;

use crate::Error;

/// A handle on the writer thread.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    jobs: mpsc::Sender<writer::Job>,
    /// Told by the writer that there is something to sync; waits for [`Store::keep_on_disk`].
    written: Mutex<Option<mpsc::Receiver<()>>>,
}

/// A container as it was stored.
#[derive(Debug)]
pub(crate) struct ContainerRow {
    /// JSON of its definition.
    pub(crate) definition: String,
    /// JSON of its state.
    pub(crate) state: String,
}

/// Everything that was stored.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) containers: Vec<ContainerRow>,
    /// Identity of this engine, made once.
    pub(crate) engine_id: String,
    /// The database was damaged: it may lack what it should have.
    pub(crate) rebuilt: bool,
}

impl Store {
    /// Opens or makes the database at `path`, reads it, and starts the writer.
    pub(crate) fn open(path: &Path) -> Result<(Store, Contents), Error> {
        let (db, contents) = rebuild::open(path)?;
        let writer = Writer::new(db, Reserve::beside(path));
        let (jobs, inbox) = mpsc::channel();
        // One place: that something was written needs to be said once.
        let (wrote, written) = mpsc::sync_channel(1);
        thread(path, "teu-store", move || writer.run(&inbox, &wrote))?;
        Ok((Store { path: path.to_owned(), jobs, written: Mutex::new(Some(written)) }, contents))
    }

    /// Gets what is written onto the disk from now on, each time after `first`: what containers stand on has to be there
    /// before them.
    pub(crate) fn keep_on_disk(&self, first: impl Fn() + Send + 'static) -> Result<(), Error> {
        let Some(written) = self.written.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let path = self.path.clone();
        thread(&self.path, "teu-sync", move || syncer::run(&path, &written, first))
    }

    /// Hands a write over and does not wait for it. A failure is logged.
    pub(crate) fn put(&self, write: Write) {
        self.send(write, None);
    }

    /// Hands a write over; the receiver is told when it is committed.
    pub(crate) fn commit(&self, write: Write) -> Commit {
        let (done, result) = oneshot::channel();
        self.send(write, Some(done));
        Commit(result)
    }

    /// Resolves when everything handed over before is committed.
    pub(crate) fn flush(&self) -> Commit {
        self.commit(Write::Nothing)
    }

    fn send(&self, write: Write, done: Option<oneshot::Sender<rusqlite::Result<()>>>) {
        if self.jobs.send(writer::Job { write, done }).is_err() {
            tracing::error!("the state database's writer is gone; a write was lost");
        }
    }
}

fn thread(path: &Path, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// A write that is under way. Dropping it does not undo the write.
#[derive(Debug)]
pub(crate) struct Commit(oneshot::Receiver<rusqlite::Result<()>>);

impl Commit {
    /// Waits until the write is committed.
    pub(crate) async fn done(self) -> Result<(), Error> {
        match self.0.await {
            Ok(result) => Ok(result?),
            Err(_) => Err(Error::ShuttingDown),
        }
    }
}
