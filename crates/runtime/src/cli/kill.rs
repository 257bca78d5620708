use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use teu_oci::runtime::{NamespaceKind, Status};
use teu_sys::{pidfd, signal};

use super::arguments::{Global, Kill};
use crate::container::{Condition, Container, Store};

/// `SIGKILL`
const SIGKILL: i32 = 9;

/// `kill`
pub(super) fn run(global: &Global, args: &Kill) -> Result<ExitCode> {
    let signal = signal::parse(&args.signal).with_context(|| format!("unknown signal {:?}", args.signal))?;
    let container = Store::new(&global.root).open(&args.id)?;
    if args.all {
        return kill_all(&container, signal).map(|()| ExitCode::SUCCESS);
    }
    let Condition::Alive(pidfd) = container.record.condition() else {
        if signal == SIGKILL && shares_pids(&container) {
            // The first process is gone, but others may be left.
            return kill_all(&container, signal).map(|()| ExitCode::SUCCESS);
        }
        // The wording that containerd and Podman look for.
        bail!("container not running");
    };
    if signal == SIGKILL && shares_pids(&container) {
        kill_all(&container, signal)?;
    }
    match pidfd::send_signal(pidfd.as_fd(), signal) {
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) && signal != SIGKILL => {
            bail!("container not running")
        }
        Err(e) if e.raw_os_error() != Some(rustix::io::Errno::SRCH.raw_os_error()) => {
            Err(e).with_context(|| format!("signal the container {}", args.id))
        }
        _ => {
            if signal == SIGKILL && container.status() == Status::Paused {
                // A frozen process dies once it is thawed.
                thaw(&container)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Without a PID namespace, the end of the first process does not end the others.
pub(super) fn shares_pids(container: &Container) -> bool {
    let linux = container.record.spec.linux.as_ref();
    linux.is_none_or(|l| l.namespace(NamespaceKind::Pid).is_none_or(|n| n.join_path().is_some()))
}

fn kill_all(container: &Container, signal: i32) -> Result<()> {
    let Some(cgroup) = container.cgroup()? else { bail!("container not running") };
    if signal == SIGKILL {
        cgroup.kill()?;
    } else {
        for pid in cgroup.pids()? {
            if let Ok(fd) = pidfd::open(pid) {
                // It may have ended just now.
                let _ = pidfd::send_signal(fd.as_fd(), signal);
            }
        }
    }
    Ok(())
}

fn thaw(container: &Container) -> Result<()> {
    if let Some(cgroup) = container.cgroup()? {
        cgroup.thaw()?;
    }
    Ok(())
}
