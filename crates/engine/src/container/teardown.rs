//! What ended runs and removed containers still hold: who needs a port or an address of the former, or removes an image of the
//! latter, waits for them.
//!
//! A run is taken apart after its end was told, and a container's files are deleted after its removal was, so that nobody waits
//! for it who need not.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

/// How long somebody waits for runs that are taken apart.
pub(crate) const RUNS: Duration = Duration::from_secs(5);
/// How long somebody waits for files that are deleted: before, the kernel writes to disk what was written to them, and
/// whatever else there is to write.
pub(crate) const FILES: Duration = Duration::from_secs(60);

/// The runs that are being taken apart, or the containers whose files are being deleted.
#[derive(Debug)]
pub(crate) struct Teardowns {
    all: watch::Sender<Pending>,
    patience: Duration,
}

#[derive(Debug, Default)]
struct Pending {
    /// Ids of the containers by numbers of the runs.
    runs: BTreeMap<u64, String>,
    /// Number of the next one.
    next: u64,
}

/// A run that is being taken apart, until this is dropped.
#[derive(Debug)]
pub(crate) struct Teardown {
    all: watch::Sender<Pending>,
    number: u64,
}

impl Teardowns {
    /// None yet. Nobody waits longer for one than `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { all: watch::Sender::default(), patience }
    }

    /// The end of a container's run has begun.
    pub(crate) fn begin(&self, container: &str) -> Teardown {
        let mut number = 0;
        self.all.send_modify(|pending| {
            number = pending.next;
            pending.next += 1;
            pending.runs.insert(number, container.to_owned());
        });
        Teardown { all: self.all.clone(), number }
    }

    /// The runs that are being taken apart at this moment.
    pub(crate) fn now(&self) -> Moment {
        let mut pending = self.all.subscribe();
        let (any, next) = {
            let pending = pending.borrow_and_update();
            (!pending.runs.is_empty(), pending.next)
        };
        Moment { pending, any, next, patience: self.patience }
    }
}

/// The runs that were being taken apart at some moment.
#[derive(Debug)]
pub(crate) struct Moment {
    pending: watch::Receiver<Pending>,
    any: bool,
    next: u64,
    patience: Duration,
}

impl Moment {
    /// Whether there was one.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// Waits for them, not for those that began to be taken apart later. Answers whether there was one, and all are
    /// gone: what was refused at that moment may be tried again.
    pub(crate) async fn settled(self) -> bool {
        self.settled_among(|_| true).await
    }

    /// As [`Self::settled`], for those of certain containers.
    pub(crate) async fn settled_among(mut self, wanted: impl Fn(&str) -> bool) -> bool {
        let gone = self.pending.wait_for(|pending| !pending.runs.range(..self.next).any(|(_, id)| wanted(id)));
        self.any && matches!(tokio::time::timeout(self.patience, gone).await, Ok(Ok(_)))
    }
}

impl Drop for Teardown {
    fn drop(&mut self) {
        self.all.send_modify(|pending| {
            pending.runs.remove(&self.number);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_of_now_are_waited_for() {
        let teardowns = Teardowns::new(RUNS);
        assert!(!teardowns.now().settled().await, "nothing to wait for");
        let (first, second) = (teardowns.begin("a"), teardowns.begin("b"));
        let waiting = tokio::spawn(teardowns.now().settled());
        let later = teardowns.begin("a");
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(teardowns.now().settled_among(|id| id == "c").await, "nobody's");
        drop(second);
        assert!(waiting.await.expect("no panic"));
        let before = teardowns.now();
        drop(later);
        assert!(before.settled().await, "gone meanwhile, but there then");
        assert!(!teardowns.now().settled().await);
    }
}
