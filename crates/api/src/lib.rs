//! The Engine API as seen from the wire: types in Docker's JSON, stream framing, and a client.
//!
//! The types are written by hand and named as in Docker's API description. What Docker answers as `null`, as an empty
//! list or not at all is kept apart, since clients depend on it: `Option<Vec<_>>` prints `null`, `Vec<_>` prints `[]`,
//! and what is left out when empty carries `skip_serializing_if`.
//!
//! Input is read by [`json::from_slice`], which is as tolerant as Docker's own decoder: `null` means the zero value,
//! field names are matched without regard to case, unknown fields are ignored.
//!
//! Modules follow the nouns of the API; [`client`] speaks to an engine, [`stream`] is the framing of attached streams.

pub mod auth;
pub mod client;
pub mod container;
pub mod detach_keys;
pub mod disk_usage;
pub mod error;
pub mod event;
pub mod exec;
pub mod filters;
#[doc(hidden)]
pub mod fuzzing;
pub mod image;
pub mod json;
pub mod network;
pub mod progress;
pub mod prune;
pub mod query;
pub mod stream;
pub mod system;
pub mod version;
pub mod volume;
