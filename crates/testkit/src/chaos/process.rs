//! The first process of a container, found and killed behind the engine's back.

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::path::PathBuf;

/// Kills the process that the engine calls `pid`, of the container `id`, whose control group is below `parent`. No other can
/// be hit: it is looked at again once it is held.
pub(super) fn kill(parent: &str, id: &str, pid: i64) -> Result<()> {
    let (outer, held) = find(parent, id, pid)?;
    ensure!(inner(outer) == Some(pid) && in_group(outer, id), "process {outer} is another by now");
    pidfd_send_signal(held, Signal::KILL)?;
    Ok(())
}

fn find(parent: &str, id: &str, pid: i64) -> Result<(i32, std::os::fd::OwnedFd)> {
    let roots = fs::read_dir("/sys/fs/cgroup")?.flatten().map(|entry| entry.path());
    for root in roots.chain([PathBuf::from("/sys/fs/cgroup")]) {
        let list = root.join(parent.trim_start_matches('/')).join(id).join("cgroup.procs");
        let Ok(list) = fs::read_to_string(list) else { continue };
        let outer = list.lines().filter_map(|line| line.parse::<i32>().ok()).find(|outer| inner(*outer) == Some(pid));
        if let Some(outer) = outer {
            let fd = pidfd_open(Pid::from_raw(outer).context("no process id")?, PidfdFlags::empty())?;
            return Ok((outer, fd));
        }
    }
    anyhow::bail!("container {id} has no process {pid}")
}

/// The process id one namespace further in, where the engine is.
fn inner(outer: i32) -> Option<i64> {
    let status = fs::read_to_string(format!("/proc/{outer}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn in_group(outer: i32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{outer}/cgroup")).is_ok_and(|groups| groups.contains(id))
}
