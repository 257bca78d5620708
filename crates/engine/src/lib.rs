//! The engine: containers, exec, logs, events, state and reconciliation; serves no HTTP.
//!
//! [`Engine`] has one async method per noun and verb, `Engine::container_start`, in the file of that name
//! (`container/start.rs`). What users ask for and are told is expressed in the wire types of `teu-api`, so that there
//! is one definition of each.

mod apparmor;
mod backend;
mod cgroups;
mod config;
mod container;
mod durable;
mod engine;
mod error;
mod events;
mod exec;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod hookup;
mod ids;
mod image;
mod log;
mod machine;
mod network;
mod notices;
mod open;
mod prune;
mod reconcile;
mod store;
mod stream;
mod system;
#[cfg(test)]
mod testing;
mod time;
mod volume;

pub use config::EngineConfig;
pub use container::{StatsStream, Wait};
pub use engine::Engine;
pub use error::{Error, Kind, StartError};
pub use events::EventStream;
pub use exec::ExecStarted;
pub use stream::{Attachment, ByteStream, Input, Logs, ProgressStream, frame};
