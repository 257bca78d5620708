//! `teu keeper` without the rest of `teu`, for tests with the real runtime.

use std::process::ExitCode;

fn main() -> ExitCode {
    teu_keeper::main(std::env::args_os().skip(2))
}
