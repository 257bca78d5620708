//! Rotation: `log` becomes `log.1`, `log.1` becomes `log.2`, and the last goes.
//!
//! Each step is a rename towards the first free number, so a rotation that was cut is completed by doing it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::fault::cut;

/// Suffix of compressed files.
pub(super) const GZIP: &str = ".gz";

/// The name of the `n`th rotated file, compressed or not.
pub(super) fn rotated(log: &Path, n: u32, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{n}{suffix}"));
    name.into()
}

/// Moves all files up by one number, of `max_files` in all including the current one, which is gone afterwards.
pub(super) fn rotate(log: &Path, max_files: u32) -> io::Result<()> {
    if !log.exists() {
        // A rotation was cut after its last step.
        return Ok(());
    }
    let last = max_files - 1;
    let mut free = match (1..=last).find(|&n| existing(log, n).is_none()) {
        Some(free) => free,
        None => {
            cut()?;
            remove(log, last)?;
            last
        }
    };
    while free > 1 {
        if let Some((from, suffix)) = existing(log, free - 1) {
            step(&from, &rotated(log, free, suffix))?;
        }
        free -= 1;
    }
    step(log, &rotated(log, 1, ""))
}

fn existing(log: &Path, n: u32) -> Option<(PathBuf, &'static str)> {
    ["", GZIP].into_iter().map(|suffix| (rotated(log, n, suffix), suffix)).find(|(path, _)| path.exists())
}

fn remove(log: &Path, n: u32) -> io::Result<()> {
    match existing(log, n) {
        Some((path, _)) => fs::remove_file(path),
        None => Ok(()),
    }
}

fn step(from: &Path, to: &Path) -> io::Result<()> {
    cut()?;
    fs::rename(from, to)
}

#[cfg(test)]
mod tests {
    use super::super::fault::plan;
    use super::*;

    fn content(dir: &Path) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()))
            .collect();
        all.sort();
        all
    }

    /// Rotates five times with three files, cut at every step and done again.
    #[test]
    fn a_cut_rotation_is_completed_by_the_next() {
        for cut_after in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let log = dir.path().join("log");
            for n in 0..5 {
                fs::write(&log, n.to_string()).unwrap();
                plan::after(cut_after);
                let first = rotate(&log, 4);
                plan::heal();
                if first.is_err() {
                    rotate(&log, 4).unwrap();
                }
            }
            let expected = [("log.1", "4"), ("log.2", "3"), ("log.3", "2")];
            assert_eq!(content(dir.path()), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        }
    }

    #[test]
    fn compressed_files_keep_their_suffix() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        for (name, text) in [("log", "c"), ("log.1", "b"), ("log.2.gz", "a")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        rotate(&log, 3).unwrap();
        let expected = [("log.1", "c"), ("log.2", "b")];
        assert_eq!(content(dir.path()), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
