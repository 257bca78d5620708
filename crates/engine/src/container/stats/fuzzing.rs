//! Fuzz target: `/proc/<pid>/net/dev` and `/proc/stat`.

use super::{machine, network};

/// The machine's processors, of which each has a line; a container's interfaces, which read back as the kernel writes them.
pub(in crate::container) fn kernel_text(text: &str) {
    assert!(machine::parse(text).online as usize <= text.lines().count());
    for (name, stats) in text.lines().filter_map(network::interface) {
        let written = format!(
            "{name:>6}: {:>7} {:>7} {:>4} {:>4} 0 0 0 0 {:>8} {:>7} {:>4} {:>4} 0 0 0 0",
            stats.rx_bytes,
            stats.rx_packets,
            stats.rx_errors,
            stats.rx_dropped,
            stats.tx_bytes,
            stats.tx_packets,
            stats.tx_errors,
            stats.tx_dropped,
        );
        assert_eq!(network::interface(&written), Some((name, stats)));
    }
}
