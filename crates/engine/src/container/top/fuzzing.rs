//! Fuzz targets: `/proc/<pid>/stat`, and arguments of `ps`.

use std::hint::black_box;

use super::columns;
use super::process::{Host, parse};

/// A process's state, whose name may have anything in it.
pub(in crate::container) fn process(text: &str) {
    let host = Host::read();
    black_box(parse(1, text, &host).map(|process| process.name.len()));
    let named = parse(1, &format!("1 ({text}) S 7 1 1 0 -1 4194304 0 0 0 0 3 4 0 0 20 0 1 0 5 0 0\n"), &host);
    assert!(named.is_some_and(|process| (process.name.as_str(), process.ppid, process.state) == (text, 7, 'S')));
}

/// Whether arguments of `ps` say which columns are wanted.
pub(in crate::container) fn has_columns(arguments: &str) -> bool {
    columns::parse(arguments).is_ok_and(|columns| !columns.is_empty())
}
