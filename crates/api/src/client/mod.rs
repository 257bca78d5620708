//! A client of the Engine API.
//!
//! [`Client`] is cheap to make and to clone. It keeps connections alive over requests, opens further ones only for
//! requests that overlap, and works on a current-thread runtime. The API version is settled with the first request:
//! it is sent with the newest version known, and only an engine that finds it too new costs a second one. Requests
//! whose body cannot be sent twice ask the engine first (`HEAD /_ping`), as Docker's client always does.
//!
//! Methods are grouped by noun, as the wire types are.

mod body;
mod connection;
mod container;
mod document;
mod endpoint;
mod error;
mod exec;
pub(crate) mod hijack;
mod image;
mod network;
mod prune;
mod request;
mod ssh;
mod system;
mod tls;
mod volume;

pub use body::{BodyStream, JsonStream, RequestBody};
pub use connection::{Stream, resolve};
pub use container::Waiting;
pub use document::Splitter;
pub use endpoint::{Endpoint, EndpointError, TlsFiles};
pub use error::Error;
pub use hijack::{Hijacked, Media};
pub use request::Client;
pub use ssh::{SshStream, SshTarget};
