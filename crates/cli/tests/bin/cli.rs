//! The command line without the rest of `teu`, for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    teu_cli::main(std::env::args_os())
}
