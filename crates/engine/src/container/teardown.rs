//! What ended runs and removed containers still hold: who needs a port or an address of the former, or removes an image of the
//! latter, waits for them.
//!
//! A run is taken apart after its end was told, and a container's files are deleted after its removal was, so that nobody waits
//! for it who need not.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

/// How long somebody waits for what others hold.
const PATIENCE: Duration = Duration::from_secs(5);

/// The runs that are being taken apart, or the containers whose files are being deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Teardowns(watch::Sender<Pending>);

#[derive(Debug, Default)]
struct Pending {
    /// Numbers of the runs.
    runs: BTreeSet<u64>,
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
    /// A run's end has begun.
    pub(crate) fn begin(&self) -> Teardown {
        let mut number = 0;
        self.0.send_modify(|pending| {
            number = pending.next;
            pending.next += 1;
            pending.runs.insert(number);
        });
        Teardown { all: self.0.clone(), number }
    }

    /// The runs that are being taken apart at this moment.
    pub(crate) fn now(&self) -> Moment {
        let mut pending = self.0.subscribe();
        let (any, next) = {
            let pending = pending.borrow_and_update();
            (!pending.runs.is_empty(), pending.next)
        };
        Moment { pending, any, next }
    }
}

/// The runs that were being taken apart at some moment.
#[derive(Debug)]
pub(crate) struct Moment {
    pending: watch::Receiver<Pending>,
    any: bool,
    next: u64,
}

impl Moment {
    /// Waits for them, not for those that began to be taken apart later. Answers whether there was one, and all are
    /// gone: what was refused at that moment may be tried again.
    pub(crate) async fn settled(mut self) -> bool {
        let gone = self.pending.wait_for(|pending| pending.runs.first().is_none_or(|oldest| *oldest >= self.next));
        self.any && matches!(tokio::time::timeout(PATIENCE, gone).await, Ok(Ok(_)))
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
        let teardowns = Teardowns::default();
        assert!(!teardowns.now().settled().await, "nothing to wait for");
        let (first, second) = (teardowns.begin(), teardowns.begin());
        let waiting = tokio::spawn(teardowns.now().settled());
        let later = teardowns.begin();
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        assert!(waiting.await.expect("no panic"));
        let before = teardowns.now();
        drop(later);
        assert!(before.settled().await, "gone meanwhile, but there then");
        assert!(!teardowns.now().settled().await);
    }
}
