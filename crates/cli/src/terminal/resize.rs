//! Keeps the size of a container's terminal that of the user's.

use std::time::Duration;

use rustix::termios::tcgetwinsize;
use teu_api::client::Client;
use teu_api::container::ResizeOptions;
use tokio::signal::unix::{SignalKind, signal};

/// Which terminal of the engine is ours.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// That of a container's main process.
    Container(String),
    /// That of an exec.
    Exec(String),
}

/// How often the first size is sent to an engine whose process may not have its terminal yet.
const ATTEMPTS: u32 = 5;

/// The size of the user's terminal; `None` when there is none or it has none.
pub(crate) fn size() -> Option<ResizeOptions> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(ResizeOptions { height: size.ws_row, width: size.ws_col })
}

/// Sends the size now and whenever it changes, until dropped.
pub(crate) async fn follow(client: Client, target: Target) {
    // Listened to first, so that no change goes unseen.
    let changes = signal(SignalKind::window_change());
    for attempt in 1..=ATTEMPTS {
        if send(&client, &target).await {
            break;
        }
        // Docker's engine refuses until the process has started, and tells nobody when it has.
        tokio::time::sleep(Duration::from_millis(10) * attempt).await;
    }
    let Ok(mut changes) = changes else { return };
    while changes.recv().await.is_some() {
        send(&client, &target).await;
    }
}

/// Sends the size once. Tells whether it was taken.
pub(crate) async fn send(client: &Client, target: &Target) -> bool {
    match size() {
        Some(size) => send_size(client, target, size).await,
        None => true,
    }
}

/// Sends a particular size.
pub(crate) async fn send_size(client: &Client, target: &Target, size: ResizeOptions) -> bool {
    let result = match target {
        Target::Container(id) => client.container_resize(id, size).await,
        Target::Exec(id) => client.exec_resize(id, size).await,
    };
    result.is_ok()
}
