//! Logs: what a container's options say about them, reading them back, and sending them on.
//!
//! The keeper writes every log into a local file, in Docker's `json-file` or `local` format. Reading back works on those
//! files, rotated and compressed ones too, from the end, and on as they grow. Drivers with a receiver elsewhere are
//! served from the same files: see [`ship`].

mod describe;
mod entry;
mod files;
mod follow;
mod format;
pub(crate) mod fuzzing;
mod json;
mod local;
mod options;
mod position;
mod reader;
mod ship;
mod tail;

pub(crate) use describe::{Description, check as check_description};
pub(crate) use follow::{Stored, stream};
pub(crate) use format::Format;
pub(crate) use options::{DRIVERS, Driver, LogOptions, Receiver, binary_size};
pub(crate) use reader::Select;
pub(crate) use ship::{JOURNAL, Shippers};
