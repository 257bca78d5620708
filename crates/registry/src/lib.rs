//! OCI distribution client: manifests and blobs of registries, with Docker's authentication.
//!
//! Follows the OCI Distribution Specification 1.1 and the token flow of Docker's registry
//! (`WWW-Authenticate: Bearer`). Nothing here writes to disk: blobs are handed on as streams.

mod client;
mod error;
#[doc(hidden)]
pub mod fuzzing;

pub use client::blob::BlobReader;
pub use client::challenge::{Challenge, parse_challenges};
pub use client::manifest::RawManifest;
pub use client::transport::{RegistryConfig, is_loopback};
pub use client::{Client, Credentials, Repository};
pub use error::Error;
