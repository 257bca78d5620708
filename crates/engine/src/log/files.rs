//! The files of a log: `<path>` is written to, `<path>.1` was before, `<path>.2.gz` before that.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

/// One file of a log, opened: renaming and unlinking it does not matter any more.
#[derive(Debug)]
pub(super) struct LogFile {
    file: File,
    /// Tells it from the others, even after it was compressed.
    pub(super) identity: u64,
    inode: u64,
    inflating: Option<Inflating>,
}

/// A compressed file, as far as it was read.
#[derive(Debug)]
struct Inflating {
    decoder: MultiGzDecoder<File>,
    at: u64,
}

impl LogFile {
    pub(super) fn open(path: &Path) -> io::Result<LogFile> {
        let file = File::open(path)?;
        let (identity, inode) = (teu_keeper::log_identity(&file)?, file.metadata()?.ino());
        let inflating = match path.extension() {
            Some(suffix) if suffix == "gz" => Some(Inflating::new(&file)?),
            _ => None,
        };
        Ok(LogFile { file, identity, inode, inflating })
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.inflating.is_some()
    }

    /// Bytes of it, compressed or not.
    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// As much as there is of `into` from `offset` on, inflated if need be. A compressed file is best read from the
    /// beginning to the end.
    pub(super) fn read_at(&mut self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() {
            let from = offset + done as u64;
            let read = match &mut self.inflating {
                None => self.file.read_at(&mut into[done..], from)?,
                Some(inflating) => inflating.read_at(&self.file, &mut into[done..], from)?,
            };
            if read == 0 {
                break;
            }
            done += read;
        }
        Ok(done)
    }
}

impl Inflating {
    fn new(file: &File) -> io::Result<Inflating> {
        // A descriptor of its own, not just a duplicate: reading moves its position.
        let own = File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file)))?;
        Ok(Inflating { decoder: MultiGzDecoder::new(own), at: 0 })
    }

    fn read_at(&mut self, file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset < self.at {
            *self = Inflating::new(file)?;
        }
        if offset > self.at {
            let skipped = io::copy(&mut (&mut self.decoder).take(offset - self.at), &mut io::sink())?;
            self.at += skipped;
            if self.at < offset {
                return Ok(0);
            }
        }
        let read = self.decoder.read(into)?;
        self.at += read as u64;
        Ok(read)
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
            Some(file) if files.iter().any(|f| f.identity == file.identity) => {}
            Some(file) => files.push(file),
            None => break,
        }
    }
    files.reverse();
    Ok(files)
}

/// The file that follows another; `None` if that is still the one being written to.
pub(super) fn successor(path: &Path, file: &LogFile) -> io::Result<Option<LogFile>> {
    if std::fs::metadata(path).is_ok_and(|current| current.ino() == file.inode) {
        return Ok(None);
    }
    let mut files = open_all(path)?;
    match files.iter().position(|f| f.identity == file.identity) {
        Some(last) if last + 1 == files.len() => Ok(None),
        Some(at) => Ok(Some(files.swap_remove(at + 1))),
        // Rotated out meanwhile: what follows is the oldest that there is.
        None if files.is_empty() => Ok(None),
        None => Ok(Some(files.swap_remove(0))),
    }
}
