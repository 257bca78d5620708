//! Reading logs back: Docker's `json-file` format, rotated and compressed files, from the end, and on as they grow.

mod entry;
mod files;
mod follow;
mod reader;
mod tail;

pub(crate) use follow::stream;
pub(crate) use reader::Select;
