//! The Engine API over HTTP. One file per noun, which only converts between requests and the engine's methods.
//!
//! [`entry`] is where requests come in: it takes the version off the path and adds Docker's headers to answers.
//! [`routes`] joins the nouns' routes; [`unserved`] lists those of the API that are not built and answer 501.
//! [`error`] is the one place where errors become statuses.

mod auth;
mod body;
mod container;
mod container_files;
mod container_run;
mod container_streams;
mod entry;
mod error;
mod exec;
pub(crate) mod fuzzing;
mod hijack;
mod image;
mod network;
mod path;
mod prune;
mod routes;
mod shape;
mod system;
mod unserved;
mod volume;

pub(crate) use entry::Entry;
pub(crate) use error::message;
pub(crate) use hijack::Pending;

/// What handlers work on.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) engine: teu_engine::Engine,
}
