//! What `fuzz/run` needs besides libFuzzer, and a finding run again without it.
//!
//! ```text
//! teu-fuzz list [PREFIX]            names of the targets
//! teu-fuzz seeds TARGET FOLDER      writes the target's seeds
//! teu-fuzz again TARGET FILE…       runs the target on these inputs
//! ```

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use teu_fuzz::{TARGETS, Target, find};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["list"] => list(""),
        ["list", prefix] => list(prefix),
        ["seeds", name, folder] => target(name).and_then(|target| seeds(target, Path::new(folder))),
        ["again", name, ref files @ ..] => target(name).and_then(|target| again(target, files)),
        _ => Err(io::Error::other("usage: teu-fuzz list [PREFIX] | seeds TARGET FOLDER | again TARGET FILE...")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn target(name: &str) -> io::Result<&'static Target> {
    find(name).ok_or_else(|| io::Error::other(format!("no target is called {name}; `teu-fuzz list` names them")))
}

fn list(prefix: &str) -> io::Result<()> {
    let mut out = io::stdout();
    TARGETS
        .iter()
        .filter(|target| target.name.starts_with(prefix))
        .try_for_each(|target| writeln!(out, "{}", target.name))
}

fn seeds(target: &Target, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    (target.seeds)()
        .iter()
        .enumerate()
        .try_for_each(|(number, seed)| fs::write(folder.join(format!("seed-{number}")), seed))
}

fn again(target: &Target, files: &[&str]) -> io::Result<()> {
    for file in files {
        (target.run)(&fs::read(file)?);
        eprintln!("{file}: nothing is wrong");
    }
    Ok(())
}
