use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use teu_oci::runtime::Status;
use teu_sys::cgroup::Cgroup;
use teu_sys::pidfd;

use super::arguments::{Delete, Global};
use super::log;
use crate::container::{Condition, Container, Store};
use crate::run_poststop_hooks;

/// How long a killed process may take to end. It is longer in the kernel only if a device or file system hangs.
const KILL_LIMIT: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// `delete`
pub(super) fn run(global: &Global, args: &Delete) -> Result<ExitCode> {
    let store = Store::new(&global.root);
    let container = match store.open(&args.id) {
        Ok(container) => container,
        Err(e) if args.force => {
            store.remove_unfinished(&args.id)?;
            return if e.to_string().contains("does not exist") { Ok(ExitCode::SUCCESS) } else { Err(e) };
        }
        Err(e) => {
            // A creation that was killed leaves a directory.
            if store.remove_unfinished(&args.id)? {
                return Ok(ExitCode::SUCCESS);
            }
            return Err(e);
        }
    };
    if let Condition::Alive(pidfd) = container.record.condition() {
        match container.status() {
            Status::Stopped => {}
            // One that was never started has nothing to lose.
            Status::Created => kill(&container, pidfd.as_fd())?,
            _ if args.force => kill(&container, pidfd.as_fd())?,
            status => bail!("cannot delete container {} that is not stopped: {status}", args.id),
        }
    }
    let cgroup = container.cgroup()?;
    clean_up(global, &container, cgroup.as_ref())?;
    Ok(ExitCode::SUCCESS)
}

fn kill(container: &Container, pidfd: BorrowedFd<'_>) -> Result<()> {
    // It may have ended just now.
    let _ = pidfd::send_signal(pidfd, 9);
    if let Some(cgroup) = container.cgroup()? {
        cgroup.thaw()?;
    }
    if poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&KILL_LIMIT))? == 0 {
        bail!("container {} did not end within {} s of being killed", container.record.id, KILL_LIMIT.tv_sec);
    }
    Ok(())
}

/// Removes what is left of a container whose first process has ended, and runs its `poststop` hooks.
pub(super) fn clean_up(global: &Global, container: &Container, cgroup: Option<&Cgroup>) -> Result<()> {
    // First: as long as processes are left, the container can be deleted again.
    cgroup.map_or(Ok(()), Cgroup::remove)?;
    container.remove()?;
    let record = &container.record;
    if record.spec.hooks.as_ref().is_some_and(|h| !h.poststop.is_empty()) {
        // The specification: a hook that fails is a warning, and the others run.
        for problem in run_poststop_hooks(&record.id, &record.spec, &record.bundle) {
            log::warning(global, &problem.to_string());
        }
    }
    Ok(())
}
