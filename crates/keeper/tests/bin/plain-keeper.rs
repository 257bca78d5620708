//! A keeper whose containers are plain processes: `plain-keeper keeper --exec-root DIR [--background]`. For tests, and
//! for trying the protocol out without being root.

use std::process::ExitCode;

use teu_keeper::{COMPRESS, Options, compress, launch::Plain};

fn main() -> ExitCode {
    if std::env::args_os().nth(2).is_some_and(|arg| arg == COMPRESS) {
        return compress();
    }
    let options = Options::parse(std::env::args_os().skip(2));
    match options.and_then(|options| teu_keeper::serve(&options, Box::new(Plain))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
