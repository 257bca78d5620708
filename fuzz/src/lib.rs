//! Fuzz targets: everything that parses a stranger's bytes, as functions of bytes that panic if something is wrong.
//!
//! The functions are in the modules `fuzzing` beside the code that they test, which see what is private to it. Here are
//! the one table of them, [`TARGETS`]; seeds, made by code, that lead into the parsers; and a small mutator, by which an
//! ordinary test runs every target a little. The executable `libfuzzer` runs the same table for long: see `README.md`.

pub mod mutate;
mod seeds;
mod targets;

pub use targets::{TARGETS, Target};

/// The target of this name.
#[must_use]
pub const fn find(name: &str) -> Option<&'static Target> {
    let mut at = 0;
    while at < TARGETS.len() {
        if equal(TARGETS[at].name.as_bytes(), name.as_bytes()) {
            return Some(&TARGETS[at]);
        }
        at += 1;
    }
    None
}

/// Equality of slices that can be asked for while compiling.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
