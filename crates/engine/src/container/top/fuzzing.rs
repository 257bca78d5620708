//! Fuzz targets: `/proc/<pid>/stat`, and arguments of `ps`.

use std::hint::black_box;

use super::columns;
use super::process::{Host, parse};

/// A process's state, whose name may have anything in it.
pub(in crate::container) fn process(text: &str) {
    black_box(parse(1, text, &Host::read()).map(|process| process.name.len()));
}

/// Whether arguments of `ps` say which columns are wanted.
pub(in crate::container) fn has_columns(arguments: &str) -> bool {
    columns::parse(arguments).is_ok_and(|columns| !columns.is_empty())
}
