//! Processor time.

use super::file::{Dir, flat_keyed, limit_word, value_of};
use super::{Cgroup, Controller, Cpu, CpuStats, Error, Result, Throttling, pressure};

/// `cpuacct.stat` counts in USER_HZ, which is 100 on every architecture Teu runs on.
const NANOS_PER_TICK: u64 = 10_000_000;

pub(super) fn apply(group: &Cgroup, cpu: &Cpu) -> Result<()> {
    if *cpu == Cpu::default() {
        return Ok(());
    }
    let dir = group.require(Controller::Cpu, "processor time")?;
    if dir.v2 { apply_v2(dir, cpu) } else { apply_v1(dir, cpu) }
}

fn apply_v1(dir: Dir<'_>, cpu: &Cpu) -> Result<()> {
    if let Some(shares) = cpu.shares {
        dir.write("cpu.shares", &shares.to_string())?;
        // The kernel takes the nearest that it allows, and says nothing.
        match dir.read_number("cpu.shares")? {
            Some(allowed) if allowed > shares => return Err(Error::Shares { bound: "minimum", allowed }),
            Some(allowed) if allowed < shares => return Err(Error::Shares { bound: "maximum", allowed }),
            _ => {}
        }
    }
    // The runtime may not exceed the period, so a rising period goes first.
    if let Some(period) = cpu.realtime_period {
        dir.write_feature("realtime scheduling", "cpu.rt_period_us", &period.to_string())?;
    }
    if let Some(runtime) = cpu.realtime_runtime {
        dir.write_feature("realtime scheduling", "cpu.rt_runtime_us", &runtime.to_string())?;
    }
    apply_bandwidth_v1(dir, cpu)?;
    if let Some(idle) = cpu.idle {
        dir.write_feature("idle scheduling", "cpu.idle", &idle.to_string())?;
    }
    Ok(())
}

/// The burst may not exceed the quota, and the ratio of quota to period not that of the parent: which file goes first
/// depends on what was set before, so a refused order is followed by the other.
fn apply_bandwidth_v1(dir: Dir<'_>, cpu: &Cpu) -> Result<()> {
    let quota = || cpu.quota.map_or(Ok(()), |q| dir.write("cpu.cfs_quota_us", &q.to_string()));
    let period = || cpu.period.map_or(Ok(()), |p| dir.write("cpu.cfs_period_us", &p.to_string()));
    let burst = |value: u64| dir.write_feature("processor bursts", "cpu.cfs_burst_us", &value.to_string());
    if let (Some(_), Some(_)) = (cpu.burst, cpu.quota) {
        dir.write_optional("cpu.cfs_burst_us", "0")?;
    }
    if period().is_err() {
        quota()?;
        period()?;
    } else {
        quota()?;
    }
    cpu.burst.map_or(Ok(()), burst)
}

fn apply_v2(dir: Dir<'_>, cpu: &Cpu) -> Result<()> {
    if let Some(shares) = cpu.shares {
        dir.write("cpu.weight", &weight_of_shares(shares).to_string())?;
    }
    if cpu.quota.is_some() || cpu.period.is_some() {
        if cpu.burst.is_some() {
            dir.write_optional("cpu.max.burst", "0")?;
        }
        let now = dir.read("cpu.max")?;
        let mut words = now.split_whitespace();
        let (old_quota, old_period) = (words.next().unwrap_or("max"), words.next().unwrap_or("100000"));
        let quota = cpu.quota.map_or_else(|| old_quota.to_owned(), |q| limit_word(if q == 0 { -1 } else { q }, "max"));
        let period = cpu.period.map_or_else(|| old_period.to_owned(), |p| p.to_string());
        dir.write("cpu.max", &format!("{quota} {period}"))?;
    }
    if let Some(burst) = cpu.burst {
        dir.write_feature("processor bursts", "cpu.max.burst", &burst.to_string())?;
    }
    if let Some(idle) = cpu.idle {
        dir.write_feature("idle scheduling", "cpu.idle", &idle.to_string())?;
    }
    Ok(())
}

/// v1 shares (2 to 262144) as a v2 weight (1 to 10000): the quadratic in log2 that maps least, default and most to each
/// other, so that 1024 becomes 100. It is what the OCI runtimes agreed on in 2025; a straight line would make 39 of it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the result is between 1 and 10000")]
#[expect(clippy::cast_precision_loss, reason = "at most 2^18 here")]
pub(super) fn weight_of_shares(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        shares => {
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            // A hair below, so that 100.00000000000001 is not rounded up to 101.
            (10f64.powf(exponent) - 1e-9).ceil() as u64
        }
    }
}

pub(super) fn stats(group: &Cgroup) -> Result<Option<CpuStats>> {
    let Some(accounting) = group.dir(Controller::Cpuacct) else { return Ok(None) };
    if accounting.v2 {
        return stats_v2(accounting);
    }
    let Some(mut stats) = accounting_v1(accounting)? else { return Ok(None) };
    if let Some(dir) = group.dir(Controller::Cpu) {
        let text = dir.read_optional("cpu.stat")?.unwrap_or_default();
        stats.throttling = throttling(&text, "throttled_time", 1);
    }
    Ok(Some(stats))
}

fn accounting_v1(dir: Dir<'_>) -> Result<Option<CpuStats>> {
    let Some(text) = dir.read_optional("cpuacct.usage_all")? else { return Ok(None) };
    let mut stats = CpuStats::default();
    // "cpu user system", then a line for each processor.
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace().skip(1).map(str::parse::<u64>);
        let (Some(Ok(user)), Some(Ok(system))) = (words.next(), words.next()) else {
            return Err(Error::Parse { file: dir.file("cpuacct.usage_all"), text: line.to_owned() });
        };
        stats.per_cpu_user.push(user);
        stats.per_cpu_system.push(system);
        stats.per_cpu.push(user + system);
        stats.usage += user + system;
    }
    let split = dir.read_optional("cpuacct.stat")?.unwrap_or_default();
    stats.user = value_of(&split, "user").unwrap_or(0) * NANOS_PER_TICK;
    stats.system = value_of(&split, "system").unwrap_or(0) * NANOS_PER_TICK;
    Ok(Some(stats))
}

fn stats_v2(dir: Dir<'_>) -> Result<Option<CpuStats>> {
    let Some(text) = dir.read_optional("cpu.stat")? else { return Ok(None) };
    let mut stats = CpuStats { throttling: throttling(&text, "throttled_usec", 1000), ..CpuStats::default() };
    for (key, micros) in flat_keyed(&text) {
        match key {
            "usage_usec" => stats.usage = micros * 1000,
            "user_usec" => stats.user = micros * 1000,
            "system_usec" => stats.system = micros * 1000,
            _ => {}
        }
    }
    stats.pressure = pressure::read(dir, "cpu.pressure")?;
    Ok(Some(stats))
}

fn throttling(text: &str, time_key: &str, scale: u64) -> Throttling {
    Throttling {
        periods: value_of(text, "nr_periods").unwrap_or(0),
        throttled_periods: value_of(text, "nr_throttled").unwrap_or(0),
        throttled_time: value_of(text, time_key).unwrap_or(0) * scale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_become_weights() {
        for (shares, weight) in
            [(0, 1), (2, 1), (1024, 100), (262_144, 10_000), (1 << 40, 10_000), (512, 59), (2048, 174)]
        {
            assert_eq!(weight_of_shares(shares), weight, "{shares}");
        }
        let weights: Vec<u64> = (2..5000).map(weight_of_shares).collect();
        assert!(weights.is_sorted());
    }
}
