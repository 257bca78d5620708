//! `context`: named engines, in Docker's own store.

pub(super) mod create;
pub(super) mod export;
pub(super) mod import;
pub(super) mod inspect;
pub(super) mod ls;
pub(super) mod rm;
pub(super) mod show;
pub(super) mod update;
pub(super) mod use_;

use crate::app::Cli;
use crate::config::context::DEFAULT;
use crate::config::context::store::{Meta, Store};
use crate::config::{directory, endpoint};
use crate::error::Error;

/// What `use` and `ls` say when a context has no effect.
fn overridden(name: &str) -> String {
    format!(
        "Warning: DOCKER_HOST environment variable overrides the active context. To use {name}, either set the global \
         --context flag, or unset DOCKER_HOST environment variable."
    )
}

/// Whether the environment names an engine.
fn has_host() -> bool {
    ["TEU_HOST", "DOCKER_HOST"].iter().any(|name| std::env::var_os(name).is_some_and(|host| !host.is_empty()))
}

/// The contexts of the user.
fn store(cli: &Cli) -> Store {
    Store::below(&directory(cli.globals.config.as_deref()).unwrap_or_default())
}

/// The context that is not stored.
fn default(cli: &Cli) -> Meta {
    let mut meta = Meta { name: DEFAULT.to_owned(), ..Meta::default() };
    meta.set_endpoint(&endpoint::default_host(&cli.globals), false);
    meta
}

/// The stored context of this name, or the default one.
fn find(cli: &Cli, name: &str) -> Result<Meta, Error> {
    if name == DEFAULT { Ok(default(cli)) } else { Ok(store(cli).get(name)?) }
}
