//! What the user set up: configuration files, contexts, credentials, where the engine is.

pub(crate) mod auth;
pub(crate) mod context;
pub(crate) mod endpoint;
mod file;
mod helpers;
mod proxies;

pub(crate) use file::{ConfigFile, directory, set_current_context};
