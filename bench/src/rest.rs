//! Waiting until the machine has nothing to do.

use anyhow::{Context as _, Result};
use std::time::{Duration, Instant};

/// Looked at for so long: 10 ticks of the kernel's clock on each processor.
const WINDOW: Duration = Duration::from_millis(100);
/// A machine that has other things to do is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// What counts as rest: a twentieth of the time.
const BUSY: u64 = 20;

/// Waits until the processors have been idle for a moment, for two seconds at most.
pub(crate) fn wait() -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut before = ticks()?;
    loop {
        std::thread::sleep(WINDOW);
        let now = ticks()?;
        if is_rest(before, now) || Instant::now() >= deadline {
            return Ok(());
        }
        before = now;
    }
}

/// Ticks of all processors so far: busy ones, all.
fn ticks() -> Result<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat")?;
    parse(&text).context("/proc/stat does not begin with the processors' times")
}

/// The first line of `/proc/stat`: user, nice, system, idle, waiting, and others that are busy (proc_stat(5)).
fn parse(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Vec<u64> = line.split_whitespace().take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
    let all = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((all - idle, all))
}

fn is_rest((busy, all): (u64, u64), (busy_now, all_now): (u64, u64)) -> bool {
    busy_now.saturating_sub(busy) * BUSY <= all_now.saturating_sub(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_is_a_twentieth_busy() {
        let before = parse("cpu  100 0 50 1000 10 0 5 0 0 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!(before, (155, 1165));
        let after = |busy, idle| (before.0 + busy, before.1 + busy + idle);
        assert!(is_rest(before, after(0, 20)) && is_rest(before, after(1, 19)));
        assert!(!is_rest(before, after(2, 18)));
        assert!(parse("intr 5").is_none());
    }
}
