//! Connections: accepting them, and HTTP/1.1 on each until it ends or becomes a raw stream.

mod connection;
mod group;
mod lenient;
mod listener;
mod peer;
mod progress;
mod tls;

pub(crate) use connection::Connection;
#[cfg(test)]
pub(crate) use connection::serve;
pub(crate) use listener::{Kept, Listener, bind, leave};
pub(crate) use tls::TlsSettings;

use crate::http::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Why the daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("failed to load listeners: cannot listen on {host}: {source}")]
    Bind { host: String, source: std::io::Error },
    #[error(
        "failed to load listeners: no sockets found via socket activation: make sure the service was started by systemd"
    )]
    NoActivation,
    #[error("failed to load listeners: no socket named {0} was passed via socket activation")]
    NoSuchActivation(String),
    #[error("failed to load listeners: {host}: no such host")]
    NoSuchHost { host: String },
    #[error("invalid TLS configuration: {0}")]
    Tls(String),
}

/// Requests that are being answered, and the signal to take no more.
#[derive(Debug)]
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    /// Number of requests in progress that are not streams.
    busy: Arc<watch::Sender<usize>>,
    accepting: JoinSet<()>,
}

impl Server {
    /// Answers on all listeners.
    pub(crate) fn start(listeners: Vec<Listener>, entry: &Entry) -> Self {
        let stop = watch::Sender::new(false);
        let busy = Arc::new(watch::Sender::new(0));
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(listener.accept_all(entry.clone(), stop.subscribe(), busy.clone()));
        }
        Self { stop, busy, accepting }
    }

    /// Waits, still answering, for a moment in which no request is in progress; no longer than that.
    pub(crate) async fn quiet(&self, limit: Duration) {
        let mut busy = self.busy.subscribe();
        // Whoever takes longer is cut.
        drop(tokio::time::timeout(limit, busy.wait_for(|count| *count == 0)).await);
    }

    /// Takes no more requests and gives those in progress some time. Streams (attach, logs, events, wait) are cut:
    /// they may last for ever.
    pub(crate) async fn stop(mut self, grace: Duration) {
        self.stop.send_replace(true);
        while self.accepting.join_next().await.is_some() {}
        let mut busy = self.busy.subscribe();
        if tokio::time::timeout(grace, busy.wait_for(|count| *count == 0)).await.is_err() {
            tracing::warn!("requests were cut that did not end in time");
        }
    }
}
