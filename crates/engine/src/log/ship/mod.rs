//! Sending logs on to somebody else: syslog, journald, fluentd, GELF.
//!
//! The keeper writes the log of such a container into a local file, exactly once, as it does for everybody. A task of
//! the daemon reads that file behind a cursor that is stored beside it, and sends what it reads; the cursor moves when a
//! batch was handed over. So nothing is lost while the receiver, the daemon or both are away, no container waits for
//! another's receiver, and `logs` can read the lines back. After a failure the last batch is sent again: a line may
//! arrive twice.

mod fluentd;
pub(crate) mod fuzzing;
mod gelf;
mod journald;
mod link;
mod messages;
mod syslog;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use teu_keeper::LogCursor;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::describe::Description;
use super::follow::{Watch, blocking};
use super::format::Format;
use super::options::{LogOptions, Receiver};
use super::position::Position;
use crate::container::{Handle, View};
use crate::{Engine, Error};
pub(crate) use link::JOURNAL;
use link::Link;
use messages::Messages;

/// Time between the first two attempts to reach a receiver; doubles …
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// … up to this.
const LAST_RETRY: Duration = Duration::from_secs(10);
/// How long the removal of a container waits for its last lines.
const FAREWELL: Duration = Duration::from_secs(10);

/// Those who send logs on, by container.
#[derive(Debug, Default)]
pub(crate) struct Shippers(Mutex<HashMap<String, JoinHandle<()>>>);

impl Shippers {
    fn all(&self) -> MutexGuard<'_, HashMap<String, JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a container's log on, if its driver does that and nobody does it yet. To be called after the container has
    /// become active.
    pub(crate) fn ensure(&self, engine: &Engine, handle: &Arc<Handle>) {
        let definition = Arc::clone(&handle.view().definition);
        let log = &definition.host.log_config;
        // Nearly always, and on the way of every start.
        if matches!(log.driver.as_str(), "json-file" | "local" | "none") {
            return;
        }
        let mut all = self.all();
        if all.contains_key(&handle.id) {
            return;
        }
        match Shipment::new(engine, handle) {
            Ok(Some(shipment)) => drop(all.insert(handle.id.clone(), tokio::spawn(shipment.run()))),
            Ok(None) => {}
            Err(error) => tracing::error!(container = handle.id, %error, "its log is not sent on"),
        }
    }

    /// Waits until the last lines of a removed container are sent, but not for ever.
    pub(crate) async fn farewell(&self, id: &str) {
        let Some(mut task) = self.all().remove(id) else { return };
        if tokio::time::timeout(FAREWELL, &mut task).await.is_err() {
            task.abort();
            tracing::warn!(container = id, "removed before its last lines could be sent");
        }
    }
}

/// One log on its way.
struct Shipment {
    engine: Engine,
    id: String,
    watch: watch::Receiver<Arc<View>>,
    path: PathBuf,
    cursor: PathBuf,
    writer: Writer,
    retry: Duration,
}

/// Lays entries out as their receiver wants them.
enum Writer {
    Syslog(syslog::Writer),
    Fluentd(fluentd::Writer),
    Gelf(gelf::Writer),
    Journald(journald::Writer),
}

impl Writer {
    fn new(receiver: &Receiver, description: &Description) -> Writer {
        match receiver {
            Receiver::Syslog(options) => Writer::Syslog(syslog::Writer::new(options, description)),
            Receiver::Fluentd(options) => Writer::Fluentd(fluentd::Writer::new(options, description)),
            Receiver::Gelf(options) => Writer::Gelf(gelf::Writer::new(options, description)),
            Receiver::Journald => Writer::Journald(journald::Writer::new(description)),
        }
    }

    /// All entries of a piece of log, and the time of the last.
    fn write(&mut self, content: &[u8]) -> (Messages, Option<i64>) {
        let mut messages = Messages::default();
        let mut last = None;
        for entry in Format::Local.entries(content) {
            last = entry.timestamp().and_then(|at| i64::try_from(at.as_nanosecond()).ok()).or(last);
            match self {
                Writer::Syslog(writer) => writer.append(&entry, &mut messages),
                Writer::Fluentd(writer) => writer.append(&entry, &mut messages),
                Writer::Gelf(writer) => writer.append(&entry, &mut messages),
                Writer::Journald(writer) => writer.append(&entry, &mut messages),
            }
        }
        (messages, last)
    }

    async fn connect(&self) -> io::Result<Link> {
        match self {
            Writer::Syslog(writer) => writer.connect().await,
            Writer::Fluentd(writer) => writer.connect().await,
            Writer::Gelf(writer) => writer.connect().await,
            Writer::Journald(_) => Link::journal().await,
        }
    }
}

impl Shipment {
    /// None if the container's driver sends nothing.
    fn new(engine: &Engine, handle: &Arc<Handle>) -> Result<Option<Shipment>, Error> {
        let view = handle.view();
        let log = &view.definition.host.log_config;
        let options = LogOptions::parse(&log.driver, log.config.as_ref().unwrap_or(&Default::default()))?;
        let Some(receiver) = options.receiver() else { return Ok(None) };
        let description = Description::of(&view.definition)?;
        let files = engine.container_files(&handle.id);
        let retry = match receiver {
            Receiver::Fluentd(fluentd) => fluentd.retry_wait.max(FIRST_RETRY),
            _ => FIRST_RETRY,
        };
        Ok(Some(Shipment {
            engine: engine.clone(),
            id: handle.id.clone(),
            watch: handle.watch(),
            path: files.local_log,
            cursor: files.log_cursor,
            writer: Writer::new(receiver, &description),
            retry,
        }))
    }

    async fn run(mut self) {
        let mut link = None;
        while let Err(error) = self.send_all(&mut link).await {
            tracing::error!(container = self.id, %error, "its log cannot be read; trying again");
            tokio::time::sleep(LAST_RETRY).await;
            if self.watch.borrow().removed {
                return;
            }
        }
    }

    /// Until the container has ended and everything is sent.
    async fn send_all(&mut self, link: &mut Option<Link>) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        std::fs::create_dir_all(&folder)?;
        // Before the first read, so that nothing written in between goes unnoticed.
        let changes = Watch::new(&self.path)?;
        let (path, cursor) = (self.path.clone(), self.cursor.clone());
        let mut position = blocking(move || {
            let noted = LogCursor::load(&cursor).unwrap_or_else(|error| {
                tracing::error!(path = %cursor.display(), %error, "how much of a log was sent is not known; all of it is");
                None
            });
            Position::resume(&path, Format::Local, noted)
        })
        .await?;
        loop {
            // Asked before the reads: what was written up to the end is then read for sure.
            let active = self.watch.borrow_and_update().state.is_active();
            loop {
                let (back, content) = blocking(move || {
                    let content = position.read_on()?;
                    Ok((position, content))
                })
                .await?;
                position = back;
                if content.is_empty() {
                    break;
                }
                let (messages, last) = self.writer.write(&content);
                self.deliver(&messages, link).await;
                self.note(&position, last).await?;
            }
            if !active && self.is_finished() {
                return Ok(());
            }
            tokio::select! {
                changed = changes.changed() => changed?,
                // An error is the container's end, which the next round sees.
                _ = self.watch.changed() => {}
            }
        }
    }

    /// Stores how far it has come.
    async fn note(&self, position: &Position, last: Option<i64>) -> io::Result<()> {
        let Some((file, offset)) = position.note() else { return Ok(()) };
        let (cursor, path) = (LogCursor { file, offset, at: last.unwrap_or(0) }, self.cursor.clone());
        blocking(move || cursor.store(&path)).await
    }

    /// Whether the container is still at its end; if so, the next start finds nobody who sends its log.
    fn is_finished(&self) -> bool {
        let mut all = self.engine.shippers().all();
        let active = self.watch.borrow().state.is_active();
        if !active {
            all.remove(&self.id);
        }
        !active
    }

    /// Sends until it has worked.
    async fn deliver(&mut self, messages: &Messages, link: &mut Option<Link>) {
        let mut retry = self.retry;
        let mut sent = 0;
        loop {
            match self.attempt(messages, &mut sent, link).await {
                Ok(()) => break,
                Err(error) => {
                    if retry == self.retry {
                        tracing::warn!(container = self.id, %error, "the receiver of its log cannot be reached; lines wait");
                    }
                    *link = None;
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LAST_RETRY.max(self.retry));
                }
            }
        }
        if retry != self.retry {
            tracing::info!(container = self.id, "the receiver of its log is reached again");
        }
    }

    async fn attempt(&self, messages: &Messages, sent: &mut usize, link: &mut Option<Link>) -> io::Result<()> {
        let mut open = match link.take() {
            Some(open) => open,
            None => self.writer.connect().await?,
        };
        open.send(messages, sent).await?;
        *link = Some(open);
        Ok(())
    }
}
