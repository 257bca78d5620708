//! What a container's usage is relative to: the machine's processors and memory.

use std::sync::OnceLock;

/// The machine's processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Processors {
    /// Time of all of them since boot, idle or not, in nanoseconds.
    pub(super) time: u64,
    /// How many are on.
    pub(super) online: u32,
}

/// The machine's processors now.
pub(super) fn processors() -> Processors {
    parse(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// `cpu  user nice system idle iowait irq softirq …` in ticks, then a line for each processor (`proc_stat(5)`). The time
/// of guests is in `user` already.
pub(super) fn parse(text: &str) -> Processors {
    let nanos_per_tick = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
    let mut processors = Processors { time: 0, online: 0 };
    // These lines come first; the long ones about interrupts are not looked at.
    for line in text.lines().take_while(|line| line.starts_with("cpu")) {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("cpu") {
            let ticks = words.take(7).filter_map(|word| word.parse().ok()).fold(0_u64, u64::saturating_add);
            processors.time = ticks.saturating_mul(nanos_per_tick);
        } else {
            processors.online += 1;
        }
    }
    processors
}

/// Bytes of memory.
pub(super) fn memory() -> u64 {
    static MEMORY: OnceLock<u64> = OnceLock::new();
    *MEMORY.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
        line.split_ascii_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn processor_time() {
        let text = "cpu  1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu3 0 0 0 0 0 0 0 0 0 0\nintr 5 cpu9\n";
        let parsed = super::parse(text);
        assert_eq!(parsed.online, 2);
        assert_eq!(parsed.time, 28 * 1_000_000_000 / rustix::param::clock_ticks_per_second());
    }
}
