//! The last sample of every container that is watched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use teu_api::client::Client;
use teu_api::container::{Stats, StatsOptions};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::error::Error;
use crate::format::stats::Usage;

/// What is watched, in the order in which it came.
#[derive(Clone, Default)]
pub(super) struct Board(Arc<Mutex<Vec<Entry>>>);

struct Entry {
    /// As the user or the engine named it.
    name: String,
    sample: Option<Stats>,
    failure: Option<String>,
    task: Option<AbortHandle>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to watch a container, unless it is watched. What comes back resolves when its first sample is there.
    pub(super) fn follow(&self, client: &Client, name: &str) -> Option<oneshot::Receiver<()>> {
        let mut entries = self.lock();
        if entries.iter().any(|entry| entry.name == name) {
            return None;
        }
        let (first, known) = oneshot::channel();
        let task = tokio::spawn(self.clone().feed(client.clone(), name.to_owned(), first)).abort_handle();
        entries.push(Entry { name: name.to_owned(), sample: None, failure: None, task: Some(task) });
        Some(known)
    }

    /// Stops watching a container.
    pub(super) fn drop_container(&self, name: &str) {
        self.lock().retain(|entry| entry.name != name);
    }

    /// Enters samples as they come. When they end, the values are not known any more.
    async fn feed(self, client: Client, name: String, first: oneshot::Sender<()>) {
        let mut first = Some(first);
        let result = async {
            let options = StatsOptions { stream: true, one_shot: false };
            let mut samples = client.container_stats(&name, options).await?;
            while let Some(sample) = samples.next().await? {
                self.enter(&name, |entry| entry.sample = Some(sample));
                // Nobody may be waiting any more.
                first.take().map(|first| first.send(()));
            }
            Ok::<(), Error>(())
        }
        .await;
        let failure = result.err().map_or_else(|| format!("No such container: {name}"), |error| error.to_string());
        self.enter(&name, |entry| {
            entry.sample = None;
            entry.failure = Some(failure);
        });
    }

    fn enter(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.name == name) {
            change(entry);
        }
    }

    /// The failures, if there is nothing else.
    pub(super) fn all_failed(&self) -> Option<String> {
        let entries = self.lock();
        let failures: Option<Vec<String>> = entries.iter().map(|entry| entry.failure.clone()).collect();
        failures.map(|failures| failures.join("\n"))
    }

    /// The lines.
    pub(super) fn rows(&self, truncate: bool) -> Vec<Usage> {
        let usage = |entry: &Entry| Usage { container: entry.name.clone(), stats: entry.sample.clone(), truncate };
        self.lock().iter().map(usage).collect()
    }
}
