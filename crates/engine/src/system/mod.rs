//! What is known of the engine and of the machine.

mod disk_usage;
mod info;
mod version;

pub(crate) use disk_usage::WALKS;
