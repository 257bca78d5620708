//! What the engine tells, as it comes. Nothing is asked again and again: events say what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use teu_api::client::{BodyStream, Client, JsonStream, Media};
use teu_api::container::{ListOptions, LogsOptions, Stats, StatsOptions, Summary};
use teu_api::event::{Event, Options};
use teu_api::filters::Filters;
use teu_api::stream::Decoder;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::model::Subject;
use crate::error::Error;
use crate::format::plain::printable;

/// How long events are gathered before what they are about is asked for.
const GATHER: Duration = Duration::from_millis(50);
/// The pause before an engine that went away is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How many containers are asked for by their ids; if more have changed, all are asked for.
const NAMED: usize = 50;
/// Lines of log shown to begin with.
const LINES: &str = "200";

/// Something that has changed.
#[derive(Debug)]
pub(super) enum Update {
    /// All containers there are.
    All(Vec<Summary>),
    /// These containers are as told; those of the ids that are missing are gone.
    These(BTreeSet<String>, Vec<Summary>),
    /// What a container uses.
    Sample(String, Box<Stats>),
    /// New lines of the log of this container.
    Lines(Subject, Vec<String>),
    /// Something to tell the user.
    Note(String),
}

/// The streams that are open.
pub(super) struct Feed {
    client: Client,
    sender: mpsc::Sender<Update>,
    list: AbortHandle,
    log: Option<(Subject, AbortHandle)>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.list.abort();
        if let Some((_, log)) = &self.log {
            log.abort();
        }
    }
}

impl Feed {
    /// Begins to listen. An engine that cannot be reached is told at once, not on the screen.
    pub(super) async fn open(client: Client, sender: mpsc::Sender<Update>) -> Result<Self, Error> {
        // First the events: from here on nothing is missed.
        let events = listen(&client).await?;
        let all = list(&client, &BTreeSet::new()).await?;
        let lister = Lister { client: client.clone(), sender: sender.clone(), stats: BTreeMap::new() };
        let list = tokio::spawn(lister.run(events, all)).abort_handle();
        Ok(Self { client, sender, list, log: None })
    }

    /// Follows the log of this container and no other.
    pub(super) fn look_at(&mut self, subject: Option<&Subject>) {
        if self.log.as_ref().map(|(followed, _)| followed) == subject {
            return;
        }
        if let Some((_, log)) = self.log.take() {
            log.abort();
        }
        let Some(subject) = subject else { return };
        let task = tokio::spawn(follow_log(self.client.clone(), self.sender.clone(), subject.clone()));
        self.log = Some((subject.clone(), task.abort_handle()));
    }

    /// Who else may tell something.
    pub(super) fn sender(&self) -> mpsc::Sender<Update> {
        self.sender.clone()
    }
}

/// Keeps the list, and a stream of samples for each container that runs.
struct Lister {
    client: Client,
    sender: mpsc::Sender<Update>,
    stats: BTreeMap<String, AbortHandle>,
}

impl Drop for Lister {
    fn drop(&mut self) {
        for task in self.stats.values() {
            task.abort();
        }
    }
}

impl Lister {
    async fn run(mut self, mut events: JsonStream<Event>, all: Vec<Summary>) {
        let mut all = Some(all);
        loop {
            if let Some(all) = all.take() {
                self.sample(&all.iter().map(|one| one.id.clone()).collect(), &all);
                if self.sender.send(Update::All(all)).await.is_err() {
                    return;
                }
            }
            while let Some(ids) = changed(&mut events).await {
                let Ok(some) = list(&self.client, &ids).await else { break };
                self.sample(&ids, &some);
                if self.sender.send(Update::These(ids, some)).await.is_err() {
                    return;
                }
            }
            let note = "the engine went away; it is asked again every second".to_owned();
            if self.sender.send(Update::Note(note)).await.is_err() {
                return;
            }
            loop {
                tokio::time::sleep(AGAIN).await;
                // Its samples ended with it.
                self.stats.retain(|_, task| !task.is_finished());
                if let Ok(again) = listen(&self.client).await
                    && let Ok(found) = list(&self.client, &BTreeSet::new()).await
                {
                    (events, all) = (again, Some(found));
                    let note = Update::Note("the engine is back".to_owned());
                    if self.sender.send(note).await.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }

    /// Samples what runs of these, and nothing else of them.
    fn sample(&mut self, ids: &BTreeSet<String>, found: &[Summary]) {
        let running: BTreeSet<&str> =
            found.iter().filter(|one| one.state == "running").map(|one| one.id.as_str()).collect();
        for id in ids {
            let is_sampled = self.stats.get(id).is_some_and(|task| !task.is_finished());
            if running.contains(id.as_str()) && !is_sampled {
                let task = tokio::spawn(follow_stats(self.client.clone(), self.sender.clone(), id.clone()));
                self.stats.insert(id.clone(), task.abort_handle());
            } else if !running.contains(id.as_str())
                && let Some(task) = self.stats.remove(id)
            {
                task.abort();
            }
        }
    }
}

async fn listen(client: &Client) -> Result<JsonStream<Event>, Error> {
    let mut filters = Filters::default();
    filters.add("type", "container");
    let options = Options { since: String::new(), until: String::new(), filters };
    Ok(client.events(&options).await?)
}

/// All containers, or those of these ids if they are few.
async fn list(client: &Client, ids: &BTreeSet<String>) -> Result<Vec<Summary>, Error> {
    let mut filters = Filters::default();
    for id in ids.iter().filter(|_| ids.len() <= NAMED) {
        filters.add("id", id);
    }
    Ok(client.container_list(&ListOptions { all: true, filters, ..ListOptions::default() }).await?)
}

/// The containers that the next events are about; `None` when there are no more.
async fn changed(events: &mut JsonStream<Event>) -> Option<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let mut until = None;
    loop {
        let next = match until {
            None => Ok(events.next().await),
            Some(until) => timeout_at(until, events.next()).await,
        };
        match next {
            Err(_) => return Some(ids),
            Ok(Ok(Some(event))) if matters(&event.action) => {
                ids.insert(event.actor.id);
                until.get_or_insert_with(|| Instant::now() + GATHER);
            }
            Ok(Ok(Some(_))) => {}
            Ok(_) => return None,
        }
    }
}

/// Whether the list may look different after it. Health checks run commands all the time.
fn matters(action: &str) -> bool {
    !action.starts_with("exec_")
        && !matches!(action, "attach" | "detach" | "resize" | "top" | "archive-path" | "export")
}

async fn follow_stats(client: Client, sender: mpsc::Sender<Update>, id: String) {
    let options = StatsOptions { stream: true, one_shot: false };
    let Ok(mut samples) = client.container_stats(&id, options).await else { return };
    while let Ok(Some(sample)) = samples.next().await {
        if sender.send(Update::Sample(id.clone(), Box::new(sample))).await.is_err() {
            return;
        }
    }
}

async fn follow_log(client: Client, sender: mpsc::Sender<Update>, subject: Subject) {
    let options =
        LogsOptions { follow: true, stdout: true, stderr: true, tail: LINES.to_owned(), ..LogsOptions::default() };
    let result = async {
        // Engines before 1.42 do not say how they send it.
        let tty = client.container_inspect(&subject.id).await?.config.tty;
        let media = if tty { Media::Raw } else { Media::Multiplexed };
        let (_, body) = client.container_logs(&subject.id, &options).await?;
        lines(body, media, &sender, &subject).await
    }
    .await;
    if let Err(error) = result {
        // Nobody may be looking any more.
        let _ = sender.send(Update::Lines(subject, vec![error.to_string()])).await;
    }
}

/// Passes on lines as they come.
async fn lines(
    mut body: BodyStream,
    media: Media,
    sender: &mpsc::Sender<Update>,
    subject: &Subject,
) -> Result<(), Error> {
    let (mut decoder, mut cut) = (Decoder::new(), Vec::new());
    while let Some(chunk) = body.chunk().await? {
        match media {
            Media::Raw => cut.extend_from_slice(&chunk),
            Media::Multiplexed => {
                let mut rest: &[u8] = &chunk;
                while let Ok(Some((_, piece))) = decoder.next(&mut rest) {
                    cut.extend_from_slice(piece);
                }
            }
        }
        let Some(end) = cut.iter().rposition(|byte| *byte == b'\n') else { continue };
        let rest = cut.split_off(end + 1);
        let whole = std::mem::replace(&mut cut, rest);
        let lines = String::from_utf8_lossy(&whole).lines().map(printable).collect();
        if sender.send(Update::Lines(subject.clone(), lines)).await.is_err() {
            break;
        }
    }
    Ok(())
}
