//! Compressed logs: `log.2` becomes `log.2.gz`.
//!
//! Compression takes seconds of processor time for each file, so it is the work of another process. That gets the file
//! as its standard input and a temporary one as its standard output, so that rotation may go on meanwhile; when it is
//! done, the keeper finds out which number the file has by now and puts the compressed one in its place.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::process::nice;
use serde::{Deserialize, Serialize};

use super::rotate::{GZIP, rotated};

/// Where a compressed file is until it is complete.
const TEMPORARY: &str = ".gz.new";
/// Docker's level.
const LEVEL: Compression = Compression::new(6);
/// As unimportant as can be.
const NICE: i32 = 19;

/// In the header of a compressed file. Docker's has the time, which lets its readers skip files.
#[derive(Debug, Serialize, Deserialize)]
struct Extra {
    #[serde(rename = "lastTime")]
    last_time: Timestamp,
    /// The identity of the file that was compressed.
    #[serde(default)]
    file: u64,
}

/// What tells a log file from the others of its log, however it is renamed and whether or not it is compressed.
///
/// # Errors
/// The file cannot be read.
pub fn identity(file: &File) -> io::Result<u64> {
    let own = own_identity(file)?;
    let mut magic = [0; 2];
    let read = rustix::io::pread(file.as_fd(), &mut magic, 0)?;
    if read < magic.len() || magic != [0x1f, 0x8b] {
        return Ok(own);
    }
    let mut reader = file;
    reader.rewind()?;
    let extra = GzDecoder::new(reader).header().and_then(|header| header.extra().map(<[u8]>::to_owned));
    reader.rewind()?;
    let extra = extra.and_then(|json| serde_json::from_slice::<Extra>(&json).ok());
    // Compressed by others: its own number is as good as any.
    Ok(extra.map_or(own, |extra| extra.file))
}

/// Made of inode number and time of birth: the number alone is soon given to another file once the original of a
/// compressed one is deleted.
fn own_identity(file: &File) -> io::Result<u64> {
    let stat = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::BTIME)?;
    // File systems that do not know the time give zero.
    let born = stat.stx_btime.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000) + u64::from(stat.stx_btime.tv_nsec);
    // Any odd factor will do: the product is as different as the times are.
    Ok(stat.stx_ino ^ born.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// `teu keeper --compress`: from standard input to standard output.
pub(crate) fn compress() -> io::Result<()> {
    // More than politeness only if it worked.
    let _ = nice(NICE);
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    compress_file(&input, &output)
}

fn compress_file(mut input: &File, output: &File) -> io::Result<()> {
    let stat = input.metadata()?;
    // Nothing is written to a rotated file: its last change is its last entry.
    let last_time = Timestamp::new(stat.mtime(), i32::try_from(stat.mtime_nsec()).unwrap_or(0)).unwrap_or_default();
    let extra = serde_json::to_vec(&Extra { last_time, file: own_identity(input)? })?;
    let mut gzip = GzBuilder::new().extra(extra).write(output, LEVEL);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match input.read(&mut buffer)? {
            0 => break,
            read => gzip.write_all(&buffer[..read])?,
        }
    }
    gzip.finish()?;
    // The original goes once this one has its name, and must not go before this one is on disk.
    output.sync_all()
}

/// A rotated file that is not compressed yet, and where to.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) source: File,
    pub(crate) target: File,
    /// The source's inode number.
    pub(crate) inode: u64,
}

/// The oldest file that is not compressed, of `max_files` in all.
pub(crate) fn candidate(log: &Path, max_files: u32) -> io::Result<Option<Candidate>> {
    for n in (1..max_files).rev() {
        let source = match File::open(rotated(log, n, "")) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let stat = source.metadata()?;
        if rotated(log, n, GZIP).exists() {
            // It is; only the end of the work was cut.
            fs::remove_file(rotated(log, n, ""))?;
            continue;
        }
        discard(log);
        let target = File::options().write(true).create_new(true).mode(0o600).open(temporary(log))?;
        target.set_permissions(Permissions::from_mode(stat.mode() & 0o777))?;
        return Ok(Some(Candidate { source, target, inode: stat.ino() }));
    }
    Ok(None)
}

/// Puts the compressed file where the original is now.
pub(crate) fn publish(log: &Path, max_files: u32, inode: u64) -> io::Result<()> {
    let is_it = |n: &u32| fs::metadata(rotated(log, *n, "")).is_ok_and(|stat| stat.ino() == inode);
    let Some(n) = (1..max_files).find(is_it) else {
        // Rotated away, or the log is gone altogether.
        discard(log);
        return Ok(());
    };
    fs::rename(temporary(log), rotated(log, n, GZIP))?;
    fs::remove_file(rotated(log, n, ""))
}

/// Removes what was not completed.
pub(crate) fn discard(log: &Path) {
    // Most often there is nothing.
    let _ = fs::remove_file(temporary(log));
}

fn temporary(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(TEMPORARY);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) -> u64 {
        fs::write(path, text).unwrap();
        fs::metadata(path).unwrap().ino()
    }

    fn inflate(path: &Path) -> String {
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_file_is_compressed_while_it_moves() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let inode = write(&rotated(&log, 1, ""), &"line\n".repeat(1000));
        let found = candidate(&log, 4).unwrap().unwrap();
        let before = identity(&found.source).unwrap();
        assert_eq!(found.inode, inode);
        fs::rename(rotated(&log, 1, ""), rotated(&log, 2, "")).unwrap();
        compress_file(&found.source, &found.target).unwrap();
        publish(&log, 4, inode).unwrap();
        assert!(!rotated(&log, 2, "").exists() && !temporary(&log).exists());
        let compressed = rotated(&log, 2, GZIP);
        assert_eq!(inflate(&compressed), "line\n".repeat(1000));
        assert_eq!(identity(&File::open(&compressed).unwrap()).unwrap(), before);
        assert!(candidate(&log, 4).unwrap().is_none());
    }

    #[test]
    fn the_oldest_comes_first_and_a_cut_end_is_completed() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        write(&rotated(&log, 1, ""), "new");
        let old = write(&rotated(&log, 3, ""), "old");
        assert_eq!(candidate(&log, 4).unwrap().unwrap().inode, old);
        // What was compressed before a crash stays; the original goes.
        write(&rotated(&log, 3, GZIP), "compressed");
        let next = candidate(&log, 4).unwrap().unwrap();
        assert!(!rotated(&log, 3, "").exists());
        // Its original is rotated away meanwhile: nothing is left.
        fs::remove_file(rotated(&log, 1, "")).unwrap();
        compress_file(&next.source, &next.target).unwrap();
        publish(&log, 4, next.inode).unwrap();
        assert!(!temporary(&log).exists() && !rotated(&log, 1, GZIP).exists());
    }

    #[test]
    fn files_are_told_apart_however_they_are_called() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        let of = |path: &Path| identity(&File::open(path).unwrap()).unwrap();
        write(&path, "{");
        let first = of(&path);
        fs::rename(&path, &moved).unwrap();
        write(&path, "{");
        assert!(of(&moved) == first && of(&path) != first);
    }
}
