//! Rotation: `log` becomes `log.1`, `log.1` becomes `log.2`, and the last goes.
//!
//! Each step is a rename towards the first free number, so a rotation that was cut is completed by doing it again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::archive::identity;
use super::cursor::LogCursor;
use super::fault::cut;

/// Suffix of compressed files.
pub(super) const GZIP: &str = ".gz";

/// The name of the `n`th rotated file, compressed or not.
pub(super) fn rotated(log: &Path, n: u32, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{n}{suffix}"));
    name.into()
}

/// Moves all files up by one number, of `max_files` in all including the current one, which is gone afterwards. The
/// oldest does not go while the reader whose [`LogCursor`] is at `reader` has not read all of it.
pub(super) fn rotate(log: &Path, max_files: u32, reader: Option<&Path>) -> io::Result<()> {
    if !log.exists() {
        // A rotation was cut after its last step.
        return Ok(());
    }
    let last = max_files - 1;
    let mut free = match (1..=last).find(|&n| existing(log, n).is_none()) {
        Some(free) => free,
        None => {
            if let Some(reader) = reader {
                check_read(log, last, reader)?;
            }
            cut()?;
            remove(log, last)?;
            last
        }
    };
    while free > 1 {
        if let Some((from, suffix)) = existing(log, free - 1) {
            step(&from, &rotated(log, free, suffix))?;
            // Left when compression was cut before it removed the original, which is kept.
            if suffix.is_empty() {
                let _ = fs::remove_file(rotated(log, free - 1, GZIP));
            }
        }
        free -= 1;
    }
    step(log, &rotated(log, 1, ""))
}

/// Refuses to let the oldest file go as long as it is being read, or its reading has not begun.
fn check_read(log: &Path, last: u32, reader: &Path) -> io::Result<()> {
    let behind = match LogCursor::load(reader)? {
        None => true,
        Some(cursor) => match existing(log, last) {
            Some((path, _)) => identity(&File::open(path)?)? == cursor.file,
            None => false,
        },
    };
    if behind {
        let text = "the log's oldest file has not been sent yet: the driver's receiver is too slow or not reachable";
        return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
    }
    Ok(())
}

fn existing(log: &Path, n: u32) -> Option<(PathBuf, &'static str)> {
    ["", GZIP].into_iter().map(|suffix| (rotated(log, n, suffix), suffix)).find(|(path, _)| path.exists())
}

/// With both forms, if compression was cut before it removed the original.
fn remove(log: &Path, n: u32) -> io::Result<()> {
    while let Some((path, _)) = existing(log, n) {
        fs::remove_file(path)?;
    }
    Ok(())
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
                let first = rotate(&log, 4, None);
                plan::heal();
                if first.is_err() {
                    rotate(&log, 4, None).unwrap();
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
        rotate(&log, 3, None).unwrap();
        let expected = [("log.1", "c"), ("log.2", "b")];
        assert_eq!(content(dir.path()), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn files_that_have_not_been_read_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (log, reader) = (dir.path().join("log"), dir.path().join("cursor"));
        let inode = |path: &Path| identity(&File::open(path).unwrap()).unwrap();
        let turn = |text: &str| {
            fs::write(&log, text).unwrap();
            rotate(&log, 3, Some(&reader))
        };
        turn("a").unwrap();
        turn("b").unwrap();
        let refused = turn("c").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        let at = |file| LogCursor { file, offset: 1, at: 0 }.store(&reader).unwrap();
        at(inode(&rotated(&log, 2, "")));
        assert!(turn("c").is_err());
        at(inode(&rotated(&log, 1, "")));
        turn("c").unwrap();
        fs::remove_file(&reader).unwrap();
        let expected = [("log.1", "c"), ("log.2", "b")];
        assert_eq!(content(dir.path()), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_cut_compression_leaves_one_form() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        for (name, text) in [("log", "c"), ("log.1", "b"), ("log.1.gz", "b"), ("log.2", "a"), ("log.2.gz", "a")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        rotate(&log, 3, None).unwrap();
        let expected = [("log.1", "c"), ("log.2", "b")];
        assert_eq!(content(dir.path()), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
