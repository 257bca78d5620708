//! The files of a log: `<path>` is written to, `<path>.1` was before, `<path>.2.gz` before that.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// One file of a log, opened: renaming and unlinking it does not matter any more.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) file: File,
    pub(super) compressed: bool,
    /// Its identity, to find it again after a rotation.
    pub(super) inode: u64,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<LogFile> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(LogFile { file, compressed: path.extension().is_some_and(|e| e == "gz"), inode })
    }

    /// The whole content, inflated if need be.
    pub(super) fn read_all(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        if self.compressed {
            MultiGzDecoder::new(&self.file).read_to_end(&mut content)?;
        } else {
            (&self.file).read_to_end(&mut content)?;
        }
        Ok(content)
    }
}

/// `<path>.<n>` or `<path>.<n>.gz`, whichever exists.
fn rotated(path: &Path, n: usize) -> Option<LogFile> {
    let with = |suffix: &str| {
        let mut name = OsString::from(path);
        name.push(format!(".{n}{suffix}"));
        PathBuf::from(name)
    };
    LogFile::open(&with("")).or_else(|_| LogFile::open(&with(".gz"))).ok()
}

/// All files of a log, oldest first. None if nothing was written yet.
pub(super) fn open_all(path: &Path) -> io::Result<Vec<LogFile>> {
    // From the newest to the oldest: a rotation in between makes a file appear twice, never get lost.
    let mut files: Vec<LogFile> = match LogFile::open(path) {
        Ok(file) => vec![file],
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    for n in 1.. {
        match rotated(path, n) {
            Some(file) if files.iter().any(|f| f.inode == file.inode) => {}
            Some(file) => files.push(file),
            None => break,
        }
    }
    files.reverse();
    Ok(files)
}

/// The file that follows the one with `inode`; `None` if that is still the one being written to.
pub(super) fn successor(path: &Path, inode: u64) -> io::Result<Option<LogFile>> {
    if std::fs::metadata(path).is_ok_and(|current| current.ino() == inode) {
        return Ok(None);
    }
    let mut files = open_all(path)?;
    match files.iter().position(|f| f.inode == inode) {
        Some(last) if last + 1 == files.len() => Ok(None),
        Some(at) => Ok(Some(files.swap_remove(at + 1))),
        // Rotated out or compressed meanwhile: what is written to now is the best there is.
        None => Ok(files.pop()),
    }
}
