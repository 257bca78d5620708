//! Events: what happened, to whom it may concern, with a memory.

mod disk;
pub(crate) mod fuzzing;
mod journal;
mod query;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use teu_api::event::{Actor, Event, Options};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::{Engine, Error, time};
use disk::Disk;
use journal::Journal;

/// How many events a slow reader may lag behind before it loses some.
const BACKLOG: usize = 1024;

/// What kind of object an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Builder,
    Container,
    Image,
    Network,
    Volume,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Subject::Builder => "builder",
            Subject::Container => "container",
            Subject::Image => "image",
            Subject::Network => "network",
            Subject::Volume => "volume",
        }
    }
}

/// A stream of events.
pub type EventStream = BoxStream<'static, Arc<Event>>;

/// Publishes events and remembers them.
#[derive(Debug)]
pub(crate) struct Bus {
    live: broadcast::Sender<Arc<Event>>,
    journal: Mutex<Journal>,
    disk: Option<Disk>,
}

impl Bus {
    /// A bus that remembers in memory only.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Bus { live: broadcast::Sender::new(BACKLOG), journal: Mutex::new(Journal::default()), disk: None }
    }

    /// A bus that remembers on disk, too, and what earlier engines have seen.
    pub(crate) fn open(folder: &Path) -> Self {
        let (disk, next) = match Disk::open(folder) {
            Ok((disk, next)) => (Some(disk), next),
            Err(error) => {
                tracing::error!(folder = %folder.display(), %error, "events are not written to disk");
                (None, 0)
            }
        };
        Bus { live: broadcast::Sender::new(BACKLOG), journal: Mutex::new(Journal::starting_at(next)), disk }
    }

    /// Waits until all events are on disk. Blocks.
    pub(crate) fn flush(&self) {
        if let Some(disk) = &self.disk {
            disk.flush();
        }
    }

    /// Publishes that `action` happened to the object `id` now.
    pub(crate) fn publish(&self, subject: Subject, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        let event = Arc::new(event(subject, action, id, attributes, Timestamp::now()));
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let number = journal.push(Arc::clone(&event));
        if let Some(disk) = &self.disk {
            disk.put(number, Arc::clone(&event));
        }
        // Under the journal's lock, so that a subscriber sees each event either replayed or live, never both.
        // No receiver is no failure.
        drop(self.live.send(event));
    }

    /// How many readers there are.
    pub(crate) fn listeners(&self) -> usize {
        self.live.receiver_count()
    }

    /// Past events since `since`, and a receiver of all that follow.
    fn subscribe(&self, since: Option<Timestamp>) -> Subscription {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = since else {
            return Subscription { older_than: None, past: Vec::new(), live: self.live.subscribe() };
        };
        let older_than = (!journal.reaches_back_to(since)).then(|| journal.first());
        Subscription { older_than, past: journal.since(since), live: self.live.subscribe() }
    }

    /// Events on disk since `since` with smaller numbers than `end`.
    fn on_disk(&self, since: Timestamp, end: u64) -> EventStream {
        let Some(disk) = &self.disk else { return futures_util::stream::empty().boxed() };
        let since = since.as_nanosecond();
        let events = disk.before(end, move |event| i128::from(event.time_nano) >= since);
        futures_util::stream::unfold(events, |mut events| async move { Some((events.recv().await?, events)) }).boxed()
    }
}

/// What a reader gets.
#[derive(Debug)]
struct Subscription {
    /// Wanted events with smaller numbers than this are on disk only.
    older_than: Option<u64>,
    past: Vec<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
}

/// An event as clients get it. `status`, `id` and `from` are for clients before API 1.22.
fn event(subject: Subject, action: &str, id: &str, attributes: BTreeMap<String, String>, at: Timestamp) -> Event {
    let old = matches!(subject, Subject::Container | Subject::Image);
    Event {
        status: if old { action.to_owned() } else { String::new() },
        id: if old { id.to_owned() } else { String::new() },
        from: match subject {
            Subject::Container => attributes.get("image").cloned().unwrap_or_default(),
            _ => String::new(),
        },
        kind: subject.as_str().to_owned(),
        action: action.to_owned(),
        actor: Actor { id: id.to_owned(), attributes },
        scope: "local".to_owned(),
        time: at.as_second(),
        time_nano: i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX),
    }
}

impl Engine {
    /// Events as they happen, after those since `options.since`.
    ///
    /// # Errors
    /// A filter is unknown, or a time makes no sense.
    pub fn system_events(&self, options: &Options) -> Result<EventStream, Error> {
        query::check(&options.filters)?;
        let until = time::parse(&options.until)?;
        if let (Some(since), Some(until)) = (time::parse(&options.since)?, until)
            && until < since
        {
            let (since, until) = (&options.since, &options.until);
            return Err(Error::Invalid(format!("`since` time ({since}) cannot be after `until` time ({until})")));
        }
        // With an end but no beginning, Docker replays everything it remembers.
        let since = time::parse(&options.since)?.or(until.map(|_| Timestamp::MIN));
        let Subscription { older_than, past, live } = self.events().subscribe(since);
        let older = match (since, older_than) {
            (Some(since), Some(end)) => self.events().on_disk(since, end),
            _ => futures_util::stream::empty().boxed(),
        };
        let filters = options.filters.clone();
        let end = until.map_or(i64::MAX, |until| i64::try_from(until.as_nanosecond()).unwrap_or(i64::MAX));
        let stream = older
            .chain(futures_util::stream::iter(past))
            .chain(follow(live, until))
            .take_while(move |event| std::future::ready(event.time_nano <= end))
            .filter(move |event| std::future::ready(query::matches(&filters, event)));
        Ok(stream.boxed())
    }
}

/// Live events until `until`, by the clock: the stream ends then although nothing happens.
fn follow(live: broadcast::Receiver<Arc<Event>>, until: Option<Timestamp>) -> EventStream {
    futures_util::stream::unfold(live, move |mut live| async move {
        let event = match until {
            None => next(&mut live).await,
            Some(until) => {
                let left = Duration::try_from(until.duration_since(Timestamp::now())).ok()?;
                tokio::time::timeout(left, next(&mut live)).await.ok().flatten()
            }
        };
        event.map(|event| (event, live))
    })
    .boxed()
}

async fn next(live: &mut broadcast::Receiver<Arc<Event>>) -> Option<Arc<Event>> {
    loop {
        match live.recv().await {
            Ok(event) => return Some(event),
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "a reader of events is too slow"),
            Err(RecvError::Closed) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::{Bus, Subject, Subscription};

    #[test]
    fn replay_and_live_do_not_overlap() {
        let bus = Bus::new();
        let publish = |action| bus.publish(Subject::Container, action, "abc", BTreeMap::new());
        publish("create");
        let Subscription { past, mut live, .. } = bus.subscribe(Some(Timestamp::MIN));
        publish("start");
        let actions: Vec<_> = past.iter().map(|e| e.action.as_str()).collect();
        assert_eq!(actions, ["create"]);
        assert_eq!(live.try_recv().expect("an event").action, "start");
        assert!(live.try_recv().is_err());
        assert!(bus.subscribe(None).past.is_empty());
    }
}
