//! A place in a log, and reading on from there.

use std::io;
use std::path::{Path, PathBuf};

use teu_keeper::LogCursor;

use super::files::{self, LogFile};
use super::format::Format;
use super::tail;

/// How much of a file is read at once.
const CHUNK: usize = 256 << 10;

/// A place in a log: a file and an offset in it, and the files that follow.
#[derive(Debug)]
pub(super) struct Position {
    path: PathBuf,
    format: Format,
    file: Option<LogFile>,
    offset: u64,
    /// Entries longer than a chunk make it grow.
    chunk: usize,
}

impl Position {
    /// The beginning of a file.
    fn at(path: &Path, format: Format, file: Option<LogFile>, offset: u64) -> Position {
        Position { path: path.to_owned(), format, file, offset, chunk: CHUNK }
    }

    /// The places where to read for the last `tail` entries, or all: one for each file, the last of which is read on
    /// as it grows.
    pub(super) fn history(path: &Path, format: Format, tail: Option<usize>) -> io::Result<Vec<Position>> {
        let mut left = tail;
        let mut positions = Vec::new();
        for mut file in files::open_all(path)?.into_iter().rev() {
            // The newest file is always followed on from somewhere.
            if left == Some(0) && !positions.is_empty() {
                break;
            }
            let offset = match &mut left {
                None => 0,
                Some(left) => {
                    let (offset, found) = tail::offset(&mut file, format, *left)?;
                    *left -= found;
                    offset
                }
            };
            positions.push(Position::at(path, format, Some(file), offset));
        }
        if positions.is_empty() {
            positions.push(Position::at(path, format, None, 0));
        }
        positions.reverse();
        Ok(positions)
    }

    /// The place that was noted; the oldest there is if that is gone.
    pub(super) fn resume(path: &Path, format: Format, noted: Option<LogCursor>) -> io::Result<Position> {
        let mut files = files::open_all(path)?;
        if let Some(noted) = noted
            && let Some(at) = files.iter().position(|file| file.identity == noted.file)
        {
            let mut first = Position::at(path, format, Some(files.swap_remove(at)), 0);
            if first.begins_before(noted.at)? {
                first.offset = noted.offset;
                return Ok(first);
            }
            // Another file that was given the number of one that is gone.
            files = files::open_all(path)?;
        }
        let oldest = if files.is_empty() { None } else { Some(files.swap_remove(0)) };
        Ok(Position::at(path, format, oldest, 0))
    }

    /// Whether the file's first entry is not from after a time.
    fn begins_before(&mut self, nanos: i64) -> io::Result<bool> {
        let content = self.read()?;
        let first = self.format.entries(&content).next().and_then(|entry| entry.timestamp());
        Ok(first.is_none_or(|first| first.as_nanosecond() <= nanos.into()))
    }

    /// What to note to come back. None before there is a file.
    pub(super) fn note(&self) -> Option<(u64, u64)> {
        self.file.as_ref().map(|file| (file.identity, self.offset))
    }

    /// Complete entries that follow in this file; empty if there are none at the moment.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        loop {
            let mut content = vec![0; self.chunk];
            let read = file.read_at(&mut content, self.offset)?;
            let complete = self.format.complete(&content[..read]);
            if complete == 0 && read == self.chunk {
                self.chunk *= 2;
                continue;
            }
            self.chunk = CHUNK;
            content.truncate(complete);
            self.offset += complete as u64;
            return Ok(content);
        }
    }

    /// The same, and on to the next file if this one is finished and was rotated away.
    pub(super) fn read_on(&mut self) -> io::Result<Vec<u8>> {
        let Some(file) = &self.file else {
            self.file = files::open_all(&self.path)?.into_iter().next();
            return self.read();
        };
        // Asked before the read: what the old file got before its rotation is then read for sure.
        let successor = files::successor(&self.path, file)?;
        let content = self.read()?;
        match successor {
            Some(next) if content.is_empty() => {
                self.file = Some(next);
                self.offset = 0;
                self.read_on()
            }
            _ => Ok(content),
        }
    }
}
