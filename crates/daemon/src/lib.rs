//! The Engine API server: `teu daemon`, or `dockerd` by name.
//!
//! - `config` reads dockerd's flags and `daemon.json` and turns them into the engine's settings;
//! - `server` listens and speaks HTTP/1.1, with connections that become raw streams;
//! - `http` converts between requests and the engine's methods, one file per noun;
//! - `start` is the life of the process: pid file, lock, sockets, engine, signals.
//!
//! The daemon holds no container's life: containers belong to the keeper. `SIGTERM` therefore ends the daemon and
//! leaves containers running, as Docker does with `live-restore`; the next daemon takes them up again.

mod config;
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod logging;
mod notify;
mod pidfile;
mod replace;
mod server;
mod start;

use config::{Personality, Stop};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the daemon with the arguments after `teu daemon`.
pub fn main(args: Vec<OsString>) -> ExitCode {
    run(args, Personality::Teu)
}

/// Runs the daemon in the place of `dockerd`, with the arguments after its name.
pub fn dockerd_main(args: Vec<OsString>) -> ExitCode {
    run(args, Personality::Dockerd)
}

fn run(args: Vec<OsString>, personality: Personality) -> ExitCode {
    let invocation = match config::parse(args, personality) {
        Ok(invocation) => invocation,
        Err(Stop::Clap(message)) => {
            // Without a standard output there is nobody to tell.
            message.print().ok();
            return if message.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
        Err(Stop::Config(error)) => return fail(&error),
    };
    match start::run(&invocation) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
