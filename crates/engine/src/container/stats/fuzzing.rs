//! Fuzz target: `/proc/<pid>/net/dev` and `/proc/stat`.

use std::hint::black_box;

use super::{machine, network};

/// The machine's processors, a container's interfaces.
pub(in crate::container) fn kernel_text(text: &str) {
    black_box(machine::parse(text));
    black_box(text.lines().filter_map(network::interface).count());
}
