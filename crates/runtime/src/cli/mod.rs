//! The command line, with the commands and flags that engines pass to an OCI runtime (`runc` in particular).

mod arguments;
mod cgroup;
mod console;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod foreground;
mod kill;
mod list;
mod log;
mod parse;
mod pause;
mod ps;
mod run;
mod spec;
mod start;
mod state;
mod update;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::error::ErrorKind;

use arguments::{Command, Global};

/// Commands of which a process of this executable enters a container. So does `start`, if there are hooks.
const ENTERS_CONTAINERS: [&str; 3] = ["create", "run", "exec"];

/// What comes before a process enters a container.
fn prepare() -> anyhow::Result<()> {
    teu_sys::kernel::check_calls()?;
    crate::protect_executable().context("protect the executable")
}

/// Runs the command line. `args` includes the program's name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    // Before the arguments are parsed, which would be done twice otherwise. A word that is no command does no harm.
    if args.iter().any(|word| ENTERS_CONTAINERS.iter().any(|c| word == c))
        && let Err(error) = prepare()
    {
        let _ = writeln!(std::io::stderr(), "teu-runtime: error: {error:#}");
        return ExitCode::FAILURE;
    }
    let (global, command) = match parse::parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            // Nobody is left to tell if the terminal is gone.
            let _ = error.print();
            return if asked { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    match dispatch(&global, command) {
        Ok(code) => code,
        Err(error) => {
            log::error(&global, &error);
            ExitCode::from(exit_code(&error))
        }
    }
}

fn dispatch(global: &Global, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(args) => create::run(global, &args),
        Command::Run(args) => run::run(global, &args),
        Command::Start(args) => start::run(global, &args),
        Command::State(args) => state::run(global, &args),
        Command::Kill(args) => kill::run(global, &args),
        Command::Delete(args) => delete::run(global, &args),
        Command::Exec(args) => exec::run(global, &args),
        Command::Ps(args) => ps::run(global, &args),
        Command::List(args) => list::run(global, &args),
        Command::Pause(args) => pause::pause(global, &args),
        Command::Resume(args) => pause::resume(global, &args),
        Command::Update(args) => update::run(global, &args),
        Command::Events(args) => events::run(global, &args),
        Command::Features => features::run(),
        Command::Spec(args) => spec::run(&args),
        Command::Checkpoint(_) | Command::Restore(_) => anyhow::bail!("checkpoints are not supported yet"),
    }
}

/// 127 and 126 where the program was not found or could not be executed, 1 for all other failures.
fn exit_code(error: &anyhow::Error) -> u8 {
    let code = error.downcast_ref::<crate::Error>().map(crate::Error::exit_code);
    code.filter(|code| matches!(code, 126 | 127)).unwrap_or(1)
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints a line.
fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
