//! Fuzz targets: see `fuzz/README.md`. Not part of the interface.

pub use crate::log::fuzzing::{encode_log, log_journal};
pub use crate::server::fuzzing::left_files;
pub use crate::wire::fuzzing::{frames, messages};
