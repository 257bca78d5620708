//! The interfaces of a container, as it sees them itself.

use std::collections::BTreeMap;

use teu_api::container::NetworkStats;

/// The interfaces of the network that `pid` is in; none where it is the host's, or has nothing but loopback.
pub(super) fn read(mode: &str, pid: i32) -> Option<BTreeMap<String, NetworkStats>> {
    if mode == "host" {
        return None;
    }
    // Through the process: nobody needs to enter the namespace, nor to know what its interfaces are called outside.
    let text = std::fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?;
    let interfaces: BTreeMap<_, _> = text.lines().filter_map(interface).collect();
    (!interfaces.is_empty()).then_some(interfaces)
}

/// `  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop …`
pub(super) fn interface(line: &str) -> Option<(String, NetworkStats)> {
    let (name, rest) = line.split_once(':')?;
    let name = name.trim();
    let mut numbers = [0; 12];
    for (number, word) in numbers.iter_mut().zip(rest.split_ascii_whitespace()) {
        *number = word.parse::<u64>().ok()?;
    }
    let [rx_bytes, rx_packets, rx_errors, rx_dropped, _, _, _, _, tx_bytes, tx_packets, tx_errors, tx_dropped] =
        numbers;
    let stats =
        NetworkStats { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped };
    (name != "lo").then(|| (name.to_owned(), stats))
}

#[cfg(test)]
mod tests {
    use super::interface;

    #[test]
    fn lines_of_the_table() {
        assert_eq!(interface(" face |bytes    packets errs drop fifo frame"), None);
        assert_eq!(
            interface("    lo:       1       1    0    0    0     0          0         0        1       1"),
            None
        );
        let (name, eth0) = interface("  eth0: 10 2 3 4 5 6 7 8 90 11 12 13 14 15 16 17").unwrap();
        assert_eq!(name, "eth0");
        assert_eq!((eth0.rx_bytes, eth0.rx_dropped, eth0.tx_bytes, eth0.tx_dropped), (10, 4, 90, 13));
    }
}
