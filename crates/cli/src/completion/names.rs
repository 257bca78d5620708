//! Names that only the engine knows.

use std::time::Duration;

use clap::FromArgMatches;
use teu_api::client::Client;
use teu_api::container::ListOptions;
use teu_api::filters::Filters;

use super::Word;
use super::values::{Kind, State};
use crate::config::context::DEFAULT;
use crate::config::context::store::{Meta, Store};
use crate::config::{ConfigFile, directory, endpoint};
use crate::flags;
use crate::globals::Globals;

/// Who presses Tab does not wait longer.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The words of a kind. Nothing is said of errors: a shell that completes is no place for them.
pub(super) fn words(kind: Kind, before: &[String]) -> Vec<Word> {
    match kind {
        Kind::Nothing | Kind::Files => Vec::new(),
        Kind::Words(words) | Kind::Prefixes(words) => words,
        kind => {
            let mut words = ask(kind, before).unwrap_or_default();
            // Who has named a container does not name it again.
            words.retain(|(word, _)| !before.contains(word));
            words.sort_unstable();
            words.dedup_by(|a, b| a.0 == b.0);
            words
        }
    }
}

/// Asks the engine that the command line means. None is started for it.
fn ask(kind: Kind, before: &[String]) -> Option<Vec<Word>> {
    let mut parser = Globals::parser();
    let globals = Globals::from_arg_matches(&flags::parse(&mut parser, before).ok()?).ok()?;
    if kind == Kind::Contexts {
        return contexts(&globals);
    }
    let config = ConfigFile::load(globals.config.as_deref()).unwrap_or_default();
    let client = Client::new(endpoint::resolve(&globals, &config).ok()?.endpoint);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, of(&client, kind)).await.ok() })
}

/// Contexts are no matter of an engine.
fn contexts(globals: &Globals) -> Option<Vec<Word>> {
    let store = Store::below(&directory(globals.config.as_deref())?);
    let word = |meta: Meta| (meta.name.clone(), meta.description().to_owned());
    let stored = store.list().unwrap_or_default().into_iter().map(word);
    Some(stored.chain([(DEFAULT.to_owned(), String::new())]).collect())
}

async fn of(client: &Client, kind: Kind) -> Vec<Word> {
    match kind {
        Kind::Containers(state) => containers(client, state).await,
        Kind::Images => images(client).await,
        Kind::Networks => networks(client).await,
        Kind::Volumes => volumes(client).await,
        Kind::Anything => {
            let mut all = containers(client, State::Any).await;
            all.extend(images(client).await);
            all.extend(networks(client).await);
            all
        }
        Kind::Nothing | Kind::Files | Kind::Contexts | Kind::Words(_) | Kind::Prefixes(_) => Vec::new(),
    }
}

async fn containers(client: &Client, wanted: State) -> Vec<Word> {
    let options = ListOptions { all: true, ..ListOptions::default() };
    let all = client.container_list(&options).await.unwrap_or_default();
    let fits = |state: &str| match wanted {
        State::Any => true,
        State::Running => matches!(state, "running" | "paused" | "restarting"),
        State::Paused => state == "paused",
        State::Stopped => matches!(state, "created" | "exited"),
    };
    let fitting = all.into_iter().filter(|container| fits(&container.state));
    fitting
        .flat_map(|container| {
            let about = format!("{}, {}", container.image, container.status);
            container.names.into_iter().map(move |name| (name.trim_start_matches('/').to_owned(), about.clone()))
        })
        .collect()
}

async fn images(client: &Client) -> Vec<Word> {
    let all = client.image_list(&teu_api::image::ListOptions::default()).await.unwrap_or_default();
    let tags = all.into_iter().flat_map(|image| image.repo_tags).filter(|tag| tag != "<none>:<none>");
    // The latest may be called by its name alone.
    tags.map(|tag| (tag.strip_suffix(":latest").unwrap_or(&tag).to_owned(), String::new())).collect()
}

async fn networks(client: &Client) -> Vec<Word> {
    let all = client.network_list(&Filters::new()).await.unwrap_or_default();
    all.into_iter().map(|network| (network.name, network.driver)).collect()
}

async fn volumes(client: &Client) -> Vec<Word> {
    let list = client.volume_list(&Filters::new()).await.unwrap_or_default();
    list.volumes.into_iter().map(|volume| (volume.name, volume.driver)).collect()
}
