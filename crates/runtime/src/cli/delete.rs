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
    let mut problems = clean_up(&container, cgroup.as_ref());
    match problems.pop() {
        None => Ok(ExitCode::SUCCESS),
        Some(last) => {
            problems.iter().for_each(|p| log::warning(global, &format!("{p:#}")));
            Err(last)
        }
    }
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

/// Removes what is left of a container whose first process has ended, and runs its `poststop` hooks. All of it is tried;
/// yields what went wrong.
pub(super) fn clean_up(container: &Container, cgroup: Option<&Cgroup>) -> Vec<anyhow::Error> {
    let record = &container.record;
    let mut problems: Vec<anyhow::Error> = Vec::new();
    problems.extend(cgroup.and_then(|c| c.remove().err()).map(Into::into));
    if !problems.is_empty() {
        // Its processes are still there: the container can be deleted again.
        return problems;
    }
    problems.extend(container.remove().err());
    if record.spec.hooks.as_ref().is_some_and(|h| !h.poststop.is_empty()) {
        // The specification: errors are warnings, and the other hooks run.
        problems.extend(run_poststop_hooks(&record.id, &record.spec, &record.bundle).into_iter().map(Into::into));
    }
    problems
}
