use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use teu_oci::runtime::Status;
use teu_sys::cgroup::{Cgroup, OomWatch, Stats};

use super::arguments::{Events, Global};
use crate::container::{Condition, Store};

/// `events`
pub(super) fn run(global: &Global, args: &Events) -> Result<ExitCode> {
    let interval = parse_interval(&args.interval)?;
    let container = Store::new(&global.root).open(&args.id)?;
    let Condition::Alive(process) = container.record.condition() else {
        bail!("container with id {} is not running", args.id);
    };
    let cgroup = container.cgroup()?.with_context(|| format!("container {} has no cgroup", args.id))?;
    if args.stats {
        print("stats", &args.id, Some(data(&cgroup.stats()?)))?;
        return Ok(ExitCode::SUCCESS);
    }
    if container.status() == Status::Stopped {
        bail!("container with id {} is not running", args.id);
    }
    watch(&args.id, &cgroup, &process, interval)?;
    Ok(ExitCode::SUCCESS)
}

/// Reports until the container has ended.
fn watch(id: &str, cgroup: &Cgroup, process: &OwnedFd, interval: Duration) -> Result<()> {
    let mut oom = cgroup.watch_oom().ok();
    let mut next = Instant::now() + interval;
    loop {
        let (ended, out_of_memory) = wait(process, oom.as_ref(), next)?;
        if out_of_memory && oom.as_mut().is_some_and(|oom| is_killed(oom, ended)) {
            print("oom", id, None)?;
        }
        if ended {
            return Ok(());
        }
        if Instant::now() >= next {
            print("stats", id, Some(data(&cgroup.stats()?)))?;
            next += interval;
        }
    }
}

/// Whether a process was killed since the last time, after a signal. All kills are counted once the container has ended.
fn is_killed(oom: &mut OomWatch, ended: bool) -> bool {
    let mut pauses = oom.pauses().filter(|_| !ended);
    oom.take()
        || pauses.any(|pause| {
            std::thread::sleep(pause);
            oom.take()
        })
}

/// Whether the process has ended, and whether there is news of memory; neither at the deadline.
fn wait(process: &OwnedFd, oom: Option<&OomWatch>, deadline: Instant) -> Result<(bool, bool)> {
    let mut fds = vec![PollFd::new(process, PollFlags::IN)];
    let watch = oom.map(|watch| watch.as_fd());
    fds.extend(watch.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
    let timeout = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error).context("wait for events"),
    }
    let ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
    Ok((ready(0), ready(1)))
}

fn print(kind: &str, id: &str, data: Option<Value>) -> Result<()> {
    let mut event = json!({ "type": kind, "id": id });
    if let Some(data) = data {
        event["data"] = data;
    }
    writeln!(std::io::stdout(), "{event}").context("print an event")
}

/// Usage in the form that runc prints and containerd's users parse.
fn data(stats: &Stats) -> Value {
    let cpu = stats.cpu.clone().unwrap_or_default();
    let pids = stats.pids.unwrap_or_default();
    let hugetlb: serde_json::Map<String, Value> = stats
        .hugetlb
        .iter()
        .map(|(size, h)| (size.clone(), json!({ "usage": h.usage, "max": h.max_usage, "failcnt": h.failures })))
        .collect();
    json!({
        "cpu": {
            "usage": {
                "total": cpu.usage, "user": cpu.user, "kernel": cpu.system,
                "percpu": cpu.per_cpu, "percpu_kernel": cpu.per_cpu_system, "percpu_user": cpu.per_cpu_user,
            },
            "throttling": {
                "periods": cpu.throttling.periods, "throttledPeriods": cpu.throttling.throttled_periods,
                "throttledTime": cpu.throttling.throttled_time,
            },
        },
        "memory": memory(stats),
        "pids": { "current": pids.current, "limit": pids.limit.unwrap_or(0) },
        "blkio": blkio(stats),
        "hugetlb": hugetlb,
    })
}

fn memory(stats: &Stats) -> Value {
    let memory = stats.memory.clone().unwrap_or_default();
    let entry = |usage: u64, max: Option<u64>, limit: Option<u64>, failures: u64| json!({ "usage": usage, "max": max.unwrap_or(0), "limit": limit.unwrap_or(u64::MAX), "failcnt": failures });
    json!({
        "cache": memory.cache,
        "usage": entry(memory.usage, memory.max_usage, memory.limit, memory.failures),
        "swap": entry(memory.swap_usage.unwrap_or(0), None, memory.swap_limit, 0),
        "raw": memory.stat,
    })
}

fn blkio(stats: &Stats) -> Value {
    let devices = stats.io.as_ref().map_or(&[][..], |io| &io.devices);
    let entry = |major: u32, minor: u32, op: &str, value: u64| json!({ "major": major, "minor": minor, "op": op, "value": value });
    let pairs = |values: fn(&teu_sys::cgroup::IoEntry) -> (u64, u64)| -> Vec<Value> {
        let both = |d: &teu_sys::cgroup::IoEntry| {
            let (read, write) = values(d);
            [entry(d.device.major, d.device.minor, "Read", read), entry(d.device.major, d.device.minor, "Write", write)]
        };
        devices.iter().flat_map(both).collect()
    };
    json!({
        "ioServiceBytesRecursive": pairs(|d| (d.read_bytes, d.write_bytes)),
        "ioServicedRecursive": pairs(|d| (d.read_ops, d.write_ops)),
    })
}

/// A time as Go writes it, in one unit: `5s`, `100ms`, `1m`.
fn parse_interval(text: &str) -> Result<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..unit].parse::<u64>().ok();
    let duration = match (number, &text[unit..]) {
        (Some(n), "ms") => Duration::from_millis(n),
        (Some(n), "s") => Duration::from_secs(n),
        (Some(n), "m") => Duration::from_secs(n.saturating_mul(60)),
        (Some(n), "h") => Duration::from_secs(n.saturating_mul(3600)),
        _ => bail!("invalid interval {text:?}: expected a number with ms, s, m or h"),
    };
    if duration.is_zero() {
        bail!("duration interval must be greater than 0");
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(parse_interval("5s").unwrap(), Duration::from_secs(5));
        assert_eq!(parse_interval("100ms").unwrap(), Duration::from_millis(100));
        for bad in ["", "5", "s", "0s", "-1s", "1d"] {
            assert!(parse_interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn usage_has_runcs_form() {
        let stats = Stats { pids: Some(teu_sys::cgroup::PidsStats { current: 3, limit: None }), ..Stats::default() };
        let value = data(&stats);
        assert_eq!(value["pids"]["current"], 3);
        assert_eq!(value["memory"]["usage"]["limit"], u64::MAX);
        assert!(value["cpu"]["usage"]["percpu"].is_array());
    }
}
