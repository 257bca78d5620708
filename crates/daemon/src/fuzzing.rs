//! Fuzz targets: see `fuzz/README.md`. Not part of the interface.

pub use crate::config::fuzzing::daemon_json;
pub use crate::http::fuzzing::{detach_keys, paths};
