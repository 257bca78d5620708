use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use teu_oci::runtime::Status;

use super::arguments::{Global, Id};
use crate::container::{Container, Store};

/// `pause`
pub(super) fn pause(global: &Global, args: &Id) -> Result<ExitCode> {
    let container = Store::new(&global.root).open(&args.id)?;
    match container.status() {
        Status::Created | Status::Running => {}
        status => bail!("container {} cannot be paused: it is {status}", args.id),
    }
    cgroup(&container)?.freeze()?;
    Ok(ExitCode::SUCCESS)
}

/// `resume`
pub(super) fn resume(global: &Global, args: &Id) -> Result<ExitCode> {
    let container = Store::new(&global.root).open(&args.id)?;
    let cgroup = cgroup(&container)?;
    if !cgroup.is_frozen()? {
        bail!("container {} is not paused", args.id);
    }
    cgroup.thaw()?;
    Ok(ExitCode::SUCCESS)
}

fn cgroup(container: &Container) -> Result<teu_sys::cgroup::Cgroup> {
    container.cgroup()?.with_context(|| format!("container {} has no cgroup", container.record.id))
}
