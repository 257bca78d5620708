//! `teu runtime` without the rest of `teu`: an external runtime for tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    teu_runtime::cli::main(std::env::args_os())
}
