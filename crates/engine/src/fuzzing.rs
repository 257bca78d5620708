//! Fuzz targets: see `fuzz/README.md`. Not part of the interface.

pub use crate::container::fuzzing::{
    accounts, cdi, create_request, filters, image_config, kernel_text, options, replaced_limits,
};
pub use crate::events::fuzzing::event_journal;
pub use crate::health::fuzzing::{grpc_probe, health_check, http_probe};
pub use crate::log::fuzzing::{confirmations, log_entries, log_files, log_options, logged};
