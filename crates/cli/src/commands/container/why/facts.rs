//! What the engine knows about a container.

use std::time::Duration;

use jiff::Timestamp;
use teu_api::client::{Client, Media};
use teu_api::container::{Inspect, LogsOptions, State, Stats, StatsOptions};
use teu_api::event::{Event, Options};
use teu_api::filters::Filters;
use teu_api::stream::Decoder;

use crate::error::Error;
use crate::format::plain::printable;

/// State of a container that only events tell of.
pub(super) const GONE: &str = "gone";

/// Events that say something. Others, such as those of health checks' commands, come by the thousand.
const TELLING: [&str; 11] =
    ["create", "destroy", "die", "health_status", "kill", "oom", "pause", "restart", "start", "stop", "unpause"];

/// How long the past may take to arrive: an engine whose clock is behind ours would wait for our present.
const PATIENCE: Duration = Duration::from_secs(3);
/// How far back is asked about a container that is gone.
const MEMORY: Duration = Duration::from_hours(24 * 30);
/// Most bytes of log that are looked at.
const LOG_BYTES: usize = 256 * 1024;

/// What the engine knows.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) inspect: Inspect,
    /// The telling events, oldest first.
    pub(super) events: Vec<Event>,
    /// The last lines of the log, oldest first.
    pub(super) lines: Vec<String>,
    /// Why there are no lines.
    pub(super) no_lines: Option<String>,
    /// What it uses, if it runs.
    pub(super) stats: Option<Stats>,
    pub(super) now: Timestamp,
}

impl Facts {
    /// The name without its slash.
    pub(super) fn name(&self) -> &str {
        self.inspect.name.trim_start_matches('/')
    }

    pub(super) fn state(&self) -> &State {
        &self.inspect.state
    }
}

/// Asks for all of it.
pub(super) async fn gather(client: &Client, name: &str, tail: usize) -> Result<Facts, Error> {
    let now = Timestamp::now();
    let inspect = match client.container_inspect(name).await {
        Ok(inspect) => inspect,
        Err(error) if error.is_not_found() => {
            return remembered(client, name, now).await?.ok_or_else(|| error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let id = inspect.id.clone();
    let created = inspect.created.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let runs = matches!(inspect.state.status.as_str(), "running" | "paused");
    let (events, log, stats) =
        tokio::join!(events(client, &id, created, now), last_lines(client, &inspect, tail), async {
            if runs { usage(client, &id).await } else { None }
        });
    let (lines, no_lines) = match log {
        Ok(lines) => (lines, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    Ok(Facts { inspect, events, lines, no_lines, stats, now })
}

/// What events tell of a container that is not there any more; `None` if nothing.
async fn remembered(client: &Client, name: &str, now: Timestamp) -> Result<Option<Facts>, Error> {
    let since = now.checked_sub(MEMORY).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut events = events(client, name, since, now).await;
    // The name may have been given more than once: the last one is meant.
    let Some(id) = events.last().map(|event| event.actor.id.clone()) else { return Ok(None) };
    events.retain(|event| event.actor.id == id);
    let of = |attribute: &str| {
        events.iter().rev().find_map(|event| event.actor.attributes.get(attribute)).cloned().unwrap_or_default()
    };
    let time = |action: &str| {
        let nanos = events.iter().rev().find(|event| event.action == action).map(|event| event.time_nano);
        nanos.and_then(|nanos| Timestamp::from_nanosecond(nanos.into()).ok()).map(|time| time.to_string())
    };
    let mut inspect = Inspect { id: id.clone(), name: of("name"), ..Inspect::default() };
    inspect.config.image = of("image");
    inspect.state = State {
        status: GONE.to_owned(),
        exit_code: of("exitCode").parse().unwrap_or(0),
        oom_killed: events.iter().any(|event| event.action == "oom"),
        started_at: time("start").unwrap_or_default(),
        finished_at: time("die").unwrap_or_default(),
        ..State::default()
    };
    let no_lines = Some("the log went with the container".to_owned());
    Ok(Some(Facts { inspect, events, no_lines, now, ..Facts::default() }))
}

/// The telling events about a container. What did not come in time is not waited for.
async fn events(client: &Client, name: &str, since: Timestamp, until: Timestamp) -> Vec<Event> {
    let mut filters = Filters::default();
    filters.add("type", "container");
    filters.add("container", name);
    for action in TELLING {
        filters.add("event", action);
    }
    // The only form that all engines read.
    let seconds = |time: Timestamp| format!("{}.{:09}", time.as_second(), time.subsec_nanosecond());
    let options = Options { since: seconds(since), until: seconds(until), filters };
    let mut found = Vec::new();
    let reading = async {
        let Ok(mut stream) = client.events(&options).await else { return };
        while let Ok(Some(event)) = stream.next().await {
            found.push(event);
        }
    };
    // What has come until then is told.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    found
}

async fn usage(client: &Client, id: &str) -> Option<Stats> {
    let sample = async {
        client.container_stats(id, StatsOptions { stream: false, one_shot: true }).await.ok()?.next().await.ok()?
    };
    tokio::time::timeout(PATIENCE, sample).await.ok()?
}

/// The end of the log, as lines.
async fn last_lines(client: &Client, inspect: &Inspect, tail: usize) -> Result<Vec<String>, Error> {
    let options = LogsOptions { stdout: true, stderr: true, tail: tail.to_string(), ..LogsOptions::default() };
    let (_, mut body) = client.container_logs(&inspect.id, &options).await?;
    let media = if inspect.config.tty { Media::Raw } else { Media::Multiplexed };
    let (mut decoder, mut bytes) = (Decoder::new(), Vec::new());
    while let Some(chunk) = body.chunk().await? {
        match media {
            Media::Raw => bytes.extend_from_slice(&chunk),
            Media::Multiplexed => {
                let mut rest: &[u8] = &chunk;
                while let Ok(Some((_, payload))) = decoder.next(&mut rest) {
                    bytes.extend_from_slice(payload);
                }
            }
        }
        // The newest are what matters.
        let surplus = bytes.len().saturating_sub(LOG_BYTES);
        bytes.drain(..surplus);
    }
    Ok(String::from_utf8_lossy(&bytes).lines().map(printable).collect())
}
