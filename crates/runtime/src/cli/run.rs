use std::process::ExitCode;

use anyhow::{Result, bail};
use rustix::process::set_child_subreaper;
use teu_sys::pidfd::mount_namespace;

use super::arguments::{Global, Run};
use super::create::{Made, Start, make};
use super::{delete, foreground, log};
use crate::container::Bundle;

/// `run`
pub(super) fn run(global: &Global, args: &Run) -> Result<ExitCode> {
    let bundle = Bundle::load(&args.create.bundle)?;
    let terminal = bundle.spec.process.as_ref().is_some_and(|p| p.terminal);
    match (terminal, args.detach, &args.create.console_socket) {
        (true, true, None) => bail!("a terminal needs --console-socket with --detach"),
        (false, _, Some(_)) | (_, false, Some(_)) => {
            bail!("--console-socket needs --detach and process.terminal");
        }
        _ => {}
    }
    if !args.detach && !args.no_subreaper {
        // Processes that the container leaves behind in the host's PID namespace come to us.
        set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    let Made { container, created, cgroup } = make(global, &args.create, bundle, Start::Own)?;
    // Who holds it takes the container's mounts down: else its last process does, before its end is known, and waits for RCU.
    // Hooks after the end find them gone.
    let holds = !args.detach && container.record.spec.hooks.is_none();
    let mounts = holds.then(|| mount_namespace(created.pidfd(), created.pid()).ok()).flatten();
    let ended = created
        .start()
        .map_err(anyhow::Error::from)
        .and_then(|running| if args.detach { Ok(None) } else { foreground::attend(running, mounts).map(Some) });
    if let Ok(None) = ended {
        return Ok(ExitCode::SUCCESS);
    }
    if (!args.keep || ended.is_err())
        && let Err(problem) = delete::clean_up(global, &container, cgroup.as_ref())
    {
        log::warning(global, &format!("{problem:#}"));
    }
    Ok(foreground::exit_code(ended?))
}
