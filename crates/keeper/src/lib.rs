//! The keeper: the one process per engine that spawns, serves and reaps containers.
//!
//! It is single-threaded and small, so that cloning a container from it is cheap, and it outlives the daemon, so that
//! a daemon's restart or crash stops no container and loses no output. Its own death is survived as well: the daemon
//! holds duplicates of every descriptor that matters, and what the keeper knows is on disk under the exec root, so a
//! new keeper takes over where the old one was cut.
//!
//! - [`protocol`]: what the daemon and the keeper say to each other.
//! - [`Keeper`]: the daemon's end of the connection.
//! - [`main`]: the process, `teu keeper --exec-root DIR`.

mod client;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod kept;
pub mod launch;
mod log;
mod message;
pub mod protocol;
mod server;
mod wire;

pub use client::{Cure, Descriptors, Ensure, Keeper, Listed};
pub use error::Error;
pub use log::{LogCursor, identity as log_identity};
pub use server::{COMPRESS, Options, compress, main, serve};
