//! What long operations report, as a stream.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use teu_api::progress::{Detail, Message};
use teu_image::{Progress, Status, Update};
use tokio::sync::mpsc;

use crate::{Error, ProgressStream};

/// How often a transfer's progress is reported per layer, as Docker does.
const INTERVAL: Duration = Duration::from_millis(100);

/// Sends messages to a client.
#[derive(Debug)]
pub(super) struct Reporter {
    sender: mpsc::UnboundedSender<Result<Message, Error>>,
    /// What was said last about each layer.
    last: Mutex<HashMap<String, (Status, Instant)>>,
    /// What is said before anything else, but not before a failure.
    held: Mutex<Option<Message>>,
    quiet: bool,
}

impl Reporter {
    /// A reporter and what it sends. With `quiet` it passes no layer's progress on.
    pub(super) fn new(quiet: bool) -> (Reporter, ProgressStream) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        });
        (Reporter { sender, last: Mutex::default(), held: Mutex::default(), quiet }, stream.boxed())
    }

    /// Sends a message in front of the next one. If a failure comes first, it is the only thing said: the answer then
    /// has the failure's status, which clients look at. What was said about layers counts for nothing from here on.
    pub(super) fn announce(&self, message: Message) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// Sends a message; the client may have gone away.
    pub(super) fn send(&self, message: Message) {
        if let Some(held) = self.held.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(self.sender.send(Ok(held)));
        }
        drop(self.sender.send(Ok(message)));
    }

    /// Ends with an error.
    pub(super) fn fail(&self, error: Error) {
        drop(self.sender.send(Err(error)));
    }

    /// Whether an update is worth sending: the first of its kind, and then one per interval.
    fn is_due(&self, update: &Update<'_>) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.get_mut(update.id) {
            Some((status, at)) if *status == update.status && now.duration_since(*at) < INTERVAL => false,
            Some(entry) => {
                *entry = (update.status, now);
                true
            }
            None => {
                last.insert(update.id.to_owned(), (update.status, now));
                true
            }
        }
    }
}

impl Progress for Reporter {
    fn update(&self, update: Update<'_>) {
        if self.quiet || !self.is_due(&update) {
            return;
        }
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let moving = matches!(update.status, Status::Downloading | Status::Extracting | Status::LoadingLayer);
        let detail = if moving {
            let total = update.total.map_or(0, signed);
            Detail { current: signed(update.current), total, ..Detail::default() }
        } else {
            Detail::default()
        };
        let mut message = Message::status(update.id, update.status.to_string());
        message.progress_detail = Some(detail);
        self.send(message);
    }
}
