//! What keys do to containers.

use std::process::Command;

use teu_api::client::Client;
use teu_api::container::StopOptions;

use super::feed::{Feed, Update};
use super::model::Model;
use super::tty::Screen;
use crate::app::Cli;
use crate::commands::container::why;
use crate::error::Error;

/// A shell, the best there is.
const SHELL: &str = "exec $(command -v bash || echo sh)";
/// Width of the sentences of `why`.
const WIDTH: usize = 100;

/// Something to do to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Stop {
        id: String,
        name: String,
    },
    Restart {
        id: String,
        name: String,
    },
    /// A shell in it.
    Exec {
        id: String,
        name: String,
    },
    /// What `why` says of it.
    Why {
        id: String,
        name: String,
    },
}

impl Action {
    /// The question before it.
    pub(super) fn question(&self) -> String {
        match self {
            Self::Stop { name, .. } => format!("Stop {name}? (y/n)"),
            Self::Restart { name, .. } => format!("Restart {name}? (y/n)"),
            Self::Exec { name, .. } | Self::Why { name, .. } => format!("{name}? (y/n)"),
        }
    }
}

/// Does it. What takes long goes on in the background.
pub(super) async fn run(
    action: Action,
    cli: &Cli,
    screen: &mut Screen,
    model: &mut Model,
    feed: &Feed,
) -> Result<(), Error> {
    let client = cli.client()?;
    match action {
        Action::Stop { id, name } => {
            model.note = format!("stopping {name} …");
            spawn(client, feed, format!("{name} is stopped"), |client| async move {
                client.container_stop(&id, &StopOptions::default()).await?;
                Ok(())
            });
        }
        Action::Restart { id, name } => {
            model.note = format!("restarting {name} …");
            spawn(client, feed, format!("{name} is restarted"), |client| async move {
                client.container_restart(&id, &StopOptions::default()).await?;
                Ok(())
            });
        }
        Action::Why { id, .. } => match why::explain(client, &id, cli.program, WIDTH).await {
            Ok(text) => model.answer(text.lines().map(str::to_owned)),
            Err(error) => model.note = error.to_string(),
        },
        Action::Exec { id, name } => {
            let shell = shell(cli, &id);
            match screen.lend(shell).await? {
                Ok(()) => {}
                Err(reason) => model.note = format!("no shell in {name}: {reason}"),
            }
        }
    }
    Ok(())
}

/// Does what takes long in the background, and tells when it is done.
fn spawn<F: Future<Output = Result<(), Error>> + Send + 'static>(
    client: &Client,
    feed: &Feed,
    done: String,
    work: impl FnOnce(Client) -> F + Send + 'static,
) {
    let (client, sender) = (client.clone(), feed.sender());
    tokio::spawn(async move {
        let note = match work(client).await {
            Ok(()) => done,
            Err(error) => error.to_string(),
        };
        // The screen may be closed meanwhile.
        let _ = sender.send(Update::Note(note)).await;
    });
}

/// Runs a shell in a container, by this program, which then has the terminal for itself. One that has no shell gets the
/// tools of `debug`.
async fn shell(cli: &Cli, id: &str) -> Result<(), String> {
    let exec = ["exec", "-it", id, "sh", "-c", SHELL];
    match child(cli, &exec).await? {
        // There is no shell, or it cannot be executed.
        126 | 127 => match child(cli, &["debug", id]).await? {
            0..=124 | 128..=255 => Ok(()),
            _ => Err("neither a shell nor tools".to_owned()),
        },
        _ => Ok(()),
    }
}

async fn child(cli: &Cli, words: &[&str]) -> Result<i32, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(cli.globals.to_args()).args(words);
    let ended = tokio::task::spawn_blocking(move || command.status()).await.map_err(|error| error.to_string())?;
    Ok(ended.map_err(|error| error.to_string())?.code().unwrap_or(0))
}
