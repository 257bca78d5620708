//! Signals to the command line: passed on to the container, or ending the session in good order.

use std::pin::Pin;

use futures_util::stream::{FuturesUnordered, StreamExt};
use teu_api::client::Client;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Error;

/// Signals that are passed on. Not those that the kernel sends to us about ourselves (SIGCHLD, SIGPIPE, faults), nor
/// SIGWINCH, which is about our terminal.
const FORWARDED: [(&str, i32); 14] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGUSR1", 10),
    ("SIGUSR2", 12),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGCONT", 18),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGPWR", 30),
];

/// Signals that end a session.
const FATAL: [(&str, i32); 4] = [("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3), ("SIGTERM", 15)];

/// Signals that have been caught since this was made.
pub(crate) struct Caught {
    streams: Vec<(&'static str, i32, Signal)>,
}

impl Caught {
    /// Catches all signals that can be passed on.
    pub(crate) fn forwarded() -> Self {
        Self::of(&FORWARDED)
    }

    /// Catches the signals that would end the program, so that the terminal can be restored first.
    pub(crate) fn fatal() -> Self {
        Self::of(&FATAL)
    }

    fn of(signals: &[(&'static str, i32)]) -> Self {
        let streams = signals
            .iter()
            .filter_map(|(name, number)| Some((*name, *number, signal(SignalKind::from_raw(*number)).ok()?)))
            .collect();
        Self { streams }
    }

    /// The next signal: its name and number.
    pub(crate) async fn next(&mut self) -> (&'static str, i32) {
        type Next<'a> = Pin<Box<dyn Future<Output = (&'static str, i32)> + 'a>>;
        let mut waiting: FuturesUnordered<Next<'_>> = self
            .streams
            .iter_mut()
            .map(|(name, number, stream)| -> Next<'_> {
                Box::pin(async move {
                    match stream.recv().await {
                        Some(()) => (*name, *number),
                        None => std::future::pending().await,
                    }
                })
            })
            .collect();
        match waiting.next().await {
            Some(caught) => caught,
            None => std::future::pending().await,
        }
    }
}

/// How often a user has to ask for an end that the container does not heed until the command line goes alone.
const PATIENCE: u32 = 3;

/// Passes signals on to a container until dropped. A container that is gone already is no failure. Ends with an error
/// when the user insists on an end and the container goes on.
pub(crate) async fn forward(client: &Client, id: &str, mut caught: Caught) -> Error {
    let mut asked = 0;
    loop {
        let (name, _) = caught.next().await;
        let _ = client.container_kill(id, name).await;
        asked += u32::from(matches!(name, "SIGINT" | "SIGTERM"));
        if asked == PATIENCE {
            return Error::message(format!("\ngot {PATIENCE} SIGTERM/SIGINTs, forcefully exiting"));
        }
    }
}
