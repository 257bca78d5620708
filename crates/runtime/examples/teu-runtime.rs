//! The command line alone, for tests and for measuring it without the rest of the executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    teu_runtime::cli::main(std::env::args_os())
}
