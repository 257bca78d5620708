//! Memory and swap.

use rustix::io::Errno;

use super::file::{Dir, flat_keyed, limit_word, value_of};
use super::{Cgroup, Controller, Error, Memory, MemoryStats, Result, pressure};

pub(super) fn apply(group: &Cgroup, memory: &Memory) -> Result<()> {
    let nothing = Memory { check_before_update: memory.check_before_update, ..Memory::default() };
    if *memory == nothing {
        return Ok(());
    }
    let dir = group.require(Controller::Memory, "memory")?;
    if dir.v2 {
        check_swap(memory)?;
    }
    if memory.check_before_update {
        check_usage(dir, memory)?;
    }
    if dir.v2 { apply_v2(dir, memory) } else { apply_v1(dir, memory) }
}

/// Memory and swap together cannot be less than memory. v1's kernel has a limit of both and says so itself.
fn check_swap(memory: &Memory) -> Result<()> {
    match (memory.limit, memory.swap) {
        (Some(limit), Some(swap)) if swap >= 0 && (limit < 0 || swap < limit) => Err(Error::InvalidValue {
            what: "memory and swap limit",
            value: swap.to_string(),
            reason: "it is less than the memory limit",
        }),
        _ => Ok(()),
    }
}

fn check_usage(dir: Dir<'_>, memory: &Memory) -> Result<()> {
    let Some(limit) = memory.limit.and_then(|limit| u64::try_from(limit).ok()) else { return Ok(()) };
    let usage = usage(dir)?;
    if usage > limit { Err(Error::BelowUsage { limit, usage }) } else { Ok(()) }
}

fn usage(dir: Dir<'_>) -> Result<u64> {
    let name = if dir.v2 { "memory.current" } else { "memory.usage_in_bytes" };
    dir.read_number(name).map(|usage| usage.unwrap_or(0))
}

fn apply_v1(dir: Dir<'_>, memory: &Memory) -> Result<()> {
    apply_limits_v1(dir, memory)?;
    if let Some(reservation) = memory.reservation {
        dir.write("memory.soft_limit_in_bytes", &reservation.to_string())?;
    }
    if let Some(limit) = memory.kernel_tcp {
        dir.write_feature("kernel memory for TCP", "memory.kmem.tcp.limit_in_bytes", &limit.to_string())?;
    }
    if let Some(swappiness) = memory.swappiness {
        dir.write("memory.swappiness", &swappiness.to_string())?;
    }
    if let Some(disable) = memory.disable_oom_killer {
        dir.write("memory.oom_control", if disable { "1" } else { "0" })?;
    }
    Ok(())
}

/// At every moment memory and swap together must be at least memory: whichever makes room goes first.
fn apply_limits_v1(dir: Dir<'_>, memory: &Memory) -> Result<()> {
    // Lifting the memory limit alone would fail for the same reason.
    let swap = memory.swap.or(memory.limit.filter(|&limit| limit < 0));
    let grows = swap.is_some_and(|swap| {
        let now = dir.read_limit("memory.limit_in_bytes").ok().flatten();
        swap < 0 || now.is_some_and(|now| i64::try_from(now).is_ok_and(|now| now < swap))
    });
    let set_swap = || match swap {
        Some(swap) if swap < 0 => dir.write_optional("memory.memsw.limit_in_bytes", "-1").map(|_| ()),
        Some(swap) => dir.write_feature("swap", "memory.memsw.limit_in_bytes", &swap.to_string()),
        None => Ok(()),
    };
    if grows {
        set_swap()?;
    }
    if let Some(limit) = memory.limit {
        dir.write("memory.limit_in_bytes", &limit.to_string()).map_err(|error| below_usage(dir, limit, error))?;
    }
    if grows { Ok(()) } else { set_swap() }
}

/// v1 refuses a limit below what cannot be reclaimed with EBUSY: say so.
fn below_usage(dir: Dir<'_>, limit: i64, error: Error) -> Error {
    match (error, u64::try_from(limit), usage(dir)) {
        (Error::Write { errno: Errno::BUSY, .. }, Ok(limit), Ok(usage)) => Error::BelowUsage { limit, usage },
        (error, ..) => error,
    }
}

fn apply_v2(dir: Dir<'_>, memory: &Memory) -> Result<()> {
    if let Some(swap) = swap_v2(dir, memory)? {
        let value = limit_word(swap, "max");
        // Without swap accounting there is no file; no swap and any amount of swap need none.
        if !dir.write_optional("memory.swap.max", &value)? && swap > 0 {
            return Err(Error::NoKernelSupport { what: "swap", file: dir.file("memory.swap.max") });
        }
    }
    if let Some(limit) = memory.limit {
        dir.write("memory.max", &limit_word(limit, "max"))?;
    }
    if let Some(reservation) = memory.reservation {
        dir.write("memory.low", &limit_word(reservation, "max"))?;
    }
    if let Some(group) = memory.oom_group {
        dir.write("memory.oom.group", if group { "1" } else { "0" })?;
    }
    Ok(())
}

/// v2 limits swap alone: what is left of the sum.
fn swap_v2(dir: Dir<'_>, memory: &Memory) -> Result<Option<i64>> {
    let Some(sum) = memory.swap else {
        return Ok(memory.limit.filter(|&limit| limit < 0));
    };
    if sum < 0 {
        return Ok(Some(-1));
    }
    let limit = match memory.limit {
        Some(limit) => limit,
        None => dir.read_limit("memory.max")?.and_then(|now| i64::try_from(now).ok()).unwrap_or(-1),
    };
    if limit < 0 || sum < limit {
        let reason = "it needs a memory limit that is not greater";
        return Err(Error::InvalidValue { what: "memory and swap limit", value: sum.to_string(), reason });
    }
    Ok(Some(sum - limit))
}

pub(super) fn stats(group: &Cgroup) -> Result<Option<MemoryStats>> {
    let Some(dir) = group.dir(Controller::Memory) else { return Ok(None) };
    let Some(text) = dir.read_optional("memory.stat")? else { return Ok(None) };
    let stat = flat_keyed(&text).map(|(key, value)| (key.to_owned(), value)).collect();
    if dir.v2 { stats_v2(dir, &text, stat) } else { stats_v1(dir, &text, stat) }
}

type StatMap = std::collections::BTreeMap<String, u64>;

fn stats_v1(dir: Dir<'_>, text: &str, stat: StatMap) -> Result<Option<MemoryStats>> {
    Ok(Some(MemoryStats {
        usage: usage(dir)?,
        max_usage: dir.read_number("memory.max_usage_in_bytes")?,
        limit: dir.read_limit("memory.limit_in_bytes")?,
        failures: dir.read_number("memory.failcnt")?.unwrap_or(0),
        swap_usage: dir.read_number("memory.memsw.usage_in_bytes")?,
        swap_limit: dir.read_limit("memory.memsw.limit_in_bytes")?,
        inactive_file: value_of(text, "total_inactive_file").unwrap_or(0),
        cache: value_of(text, "total_cache").unwrap_or(0),
        stat,
        pressure: None,
    }))
}

fn stats_v2(dir: Dir<'_>, text: &str, stat: StatMap) -> Result<Option<MemoryStats>> {
    let Some(usage) = dir.read_number("memory.current")? else { return Ok(None) };
    let events = dir.read_optional("memory.events")?.unwrap_or_default();
    Ok(Some(MemoryStats {
        usage,
        max_usage: dir.read_number("memory.peak")?,
        limit: dir.read_limit("memory.max")?,
        failures: value_of(&events, "max").unwrap_or(0),
        swap_usage: dir.read_number("memory.swap.current")?,
        swap_limit: dir.read_limit("memory.swap.max")?,
        inactive_file: value_of(text, "inactive_file").unwrap_or(0),
        cache: value_of(text, "file").unwrap_or(0),
        stat,
        pressure: pressure::read(dir, "memory.pressure")?,
    }))
}

/// Processes killed in the group and, since v1 counts each group by itself, in its children.
pub(super) fn oom_kills(dir: Dir<'_>) -> Result<u64> {
    let name = if dir.v2 { "memory.events" } else { "memory.oom_control" };
    let text = dir.read_optional(name)?.unwrap_or_default();
    let mut kills = value_of(&text, "oom_kill").unwrap_or(0);
    if !dir.v2 {
        for child in super::kill::children(dir.path) {
            kills += oom_kills(Dir { path: &child, v2: false })?;
        }
    }
    Ok(kills)
}
