use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use teu_oci::runtime::Status;

use super::arguments::{Global, Id};
use crate::container::{Condition, Container, Starter, Store};
use crate::error::Reason;
use crate::start::Hooked;

/// `start`
pub(super) fn run(global: &Global, args: &Id) -> Result<ExitCode> {
    let container = Store::new(&global.root).open(&args.id)?;
    match container.status() {
        Status::Created => {}
        Status::Stopped => bail!("cannot start a container that has stopped"),
        _ => bail!("cannot start an already running container"),
    }
    let Condition::Alive(pidfd) = container.record.condition() else { bail!("the container's process has ended") };
    let hooked = hooked(&container);
    if let Some(hooked) = &hooked {
        if hooked.enters_container() {
            crate::protect_executable().context("protect the executable")?;
        }
        if let Err(e) = hooked.before_start(container.record.pid, pidfd.as_fd()) {
            // The specification: the container is stopped, and deleted by whoever created it.
            let _ = teu_sys::pidfd::send_signal(pidfd.as_fd(), 9);
            return Err(e.into());
        }
    }
    if let Some((left, errno)) = Starter::open(&container.directory)?.start()? {
        return Err(failure(&container, left, errno).into());
    }
    if let Some(hooked) = &hooked
        && let Err(e) = hooked.after_start(container.record.pid)
    {
        // The specification: the container is stopped.
        let _ = teu_sys::pidfd::send_signal(pidfd.as_fd(), 9);
        return Err(e.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn hooked(container: &Container) -> Option<Hooked> {
    let record = &container.record;
    record.spec.hooks.is_some().then(|| Hooked {
        id: record.id.clone(),
        spec: record.spec.clone(),
        bundle: record.bundle.clone(),
        cgroup: record.cgroup.clone(),
    })
}

fn failure(container: &Container, left: u32, errno: i32) -> crate::Error {
    if left > 0 {
        let reason = Reason::from_errno(errno);
        return crate::Error::Step { step: "install the system call filter".into(), reason };
    }
    let process = container.record.spec.process.as_ref();
    let program = process.and_then(|p| p.args.first()).map_or("", String::as_str);
    crate::spawn::exec_failure(program, errno)
}
