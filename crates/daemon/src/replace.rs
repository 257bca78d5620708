//! Another executable takes the daemon's place: the process stays, with its id and the sockets it listens on. Whoever
//! connects meanwhile waits.

use crate::server::{Kept, leave};
use crate::start::StartError;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the new executable may take to look at its configuration.
const CHECK: Duration = Duration::from_secs(10);

/// Where this process's executable was when it began: the one that is there now may be another.
pub(crate) fn executable() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    // The kernel's way to say that it was replaced since (proc_pid_exe(5)).
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// This process's command line, for the executable that is there now.
fn command() -> Result<Command, StartError> {
    let mut args = std::env::args_os();
    let mut command = Command::new(executable()?);
    command.arg0(args.next().unwrap_or_default()).args(args);
    Ok(command)
}

/// Lets the new executable look at the command line and configuration: one that cannot be started must not take over.
///
/// # Errors
/// What it says against them.
pub(crate) async fn check() -> Result<(), String> {
    let mut command = command().map_err(|error| error.to_string())?;
    command.arg("--validate").stdin(Stdio::null()).stdout(Stdio::null());
    let run = tokio::task::spawn_blocking(move || command.output());
    let output = match tokio::time::timeout(CHECK, run).await {
        Ok(Ok(Ok(output))) => output,
        Ok(Ok(Err(error))) => return Err(error.to_string()),
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err(format!("it did not answer in {CHECK:?}")),
    };
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// Executes it. Returns only if that fails.
pub(crate) fn execute(kept: &[Kept]) -> StartError {
    let prepared = || -> Result<(Command, (&'static str, OsString)), StartError> { Ok((command()?, leave(kept)?)) };
    match prepared() {
        Ok((mut command, (name, value))) => {
            let source = command.env(name, value).exec();
            StartError::Execute { exe: command.get_program().into(), source }
        }
        Err(error) => error,
    }
}
