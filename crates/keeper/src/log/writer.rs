//! The path of output from a container's FIFOs to its log.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, Mode, OFlags, fstat, ftruncate, openat};
use rustix::io::Errno;

use super::encode::{Batch, Carry, Encoder, MAX_LINE};
use super::fault::{cut, shorten};
use super::journal::{Journal, Pending, Record};
use super::rotate::rotate;
use super::spool::Spool;
use super::{Stream, spool_path};
use crate::kept::keep;
use crate::protocol::LogTarget;

/// Taken from a FIFO at once: its default capacity.
const TAKE: usize = 64 << 10;
/// A take, and before it the beginning of a line.
const WINDOW: usize = TAKE + MAX_LINE;
/// Encoded at once. Output of nothing but newlines grows a hundredfold.
const ENCODE: usize = 256 << 10;
/// A drained spool smaller than this is not worth two system calls to empty.
const RESET: u64 = 4 << 10;

/// Memory for the work, shared by all logs of a keeper.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Output, from the first byte that is not in the log on.
    window: Vec<u8>,
    /// What is written to the log.
    entries: Vec<u8>,
}

impl Scratch {
    /// Reads from a FIFO whose output is not logged.
    pub(crate) fn read(&mut self, fifo: BorrowedFd<'_>) -> io::Result<Taken> {
        self.window.resize(TAKE, 0);
        match rustix::io::read(fifo, &mut self.window[..]) {
            Ok(0) => Ok(Taken::End),
            Ok(len) => Ok(Taken::Data(len)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Taken::Empty),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Room for so many bytes, to be seen by [`Scratch::window`].
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        self.window.resize(len, 0);
        &mut self.window
    }

    /// What [`Scratch::read`] read.
    pub(crate) fn window(&self, len: usize) -> &[u8] {
        &self.window[..len]
    }
}

/// What a FIFO had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes.
    Data(usize),
    /// Nothing at the moment, or nothing yet.
    Empty,
    /// Nothing any more: nobody has it open for writing.
    End,
}

/// A container's log.
#[derive(Debug)]
pub(crate) struct Log {
    /// Where spools and journal are.
    dir: PathBuf,
    target: LogTarget,
    encoder: Encoder,
    files: Option<Files>,
    /// Nothing has ever been taken: there are no files, and there is nothing to flush.
    untouched: bool,
    /// A file was rotated that wants to be compressed.
    rotated: bool,
}

#[derive(Debug)]
struct Files {
    journal: Journal,
    record: Record,
    spools: [Spool; 2],
    log: OwnedFd,
}

impl Log {
    /// A log whose spools and journal are in `dir`. What a keeper before left unfinished is finished by [`Log::flush`].
    pub(crate) fn new(dir: &Path, target: &LogTarget) -> Log {
        let encoder = Encoder::new(target);
        Log { dir: dir.to_owned(), target: target.clone(), encoder, files: None, untouched: false, rotated: false }
    }

    /// As [`Log::new`], for a container that has just been started: files are made when there is output.
    pub(crate) fn fresh(dir: &Path, target: &LogTarget) -> Log {
        Log { untouched: true, ..Log::new(dir, target) }
    }

    /// Moves what the FIFO has into the spool, lets `deliver` see it, and writes all whole lines to the log.
    ///
    /// # Errors
    /// The spool or the log cannot take it; nothing is lost. [`Log::flush`] has to succeed before the next call.
    pub(crate) fn pump(
        &mut self,
        stream: Stream,
        fifo: BorrowedFd<'_>,
        scratch: &mut Scratch,
        deliver: impl FnOnce(&[u8]),
    ) -> io::Result<Taken> {
        if self.untouched && rustix::io::ioctl_fionread(fifo)? == 0 {
            return Ok(Taken::Empty);
        }
        self.untouched = false;
        let files = self.open()?;
        let done = files.record.done[stream.index()];
        let spool = &mut files.spools[stream.index()];
        let before = spool.size;
        let moved = match spool.splice(fifo, TAKE)? {
            None => return Ok(Taken::Empty),
            Some(0) => return Ok(Taken::End),
            Some(moved) => moved,
        };
        let lead = usize::try_from(before - done).unwrap_or(usize::MAX);
        if lead > MAX_LINE || files.record.pending.is_some() {
            // A keeper before left much to write.
            scratch.window.resize(moved, 0);
            spool.read(before, &mut scratch.window)?;
            deliver(&scratch.window);
            self.flush(stream, false, scratch)?;
            return Ok(Taken::Data(moved));
        }
        scratch.window.resize(lead + moved, 0);
        spool.read(done, &mut scratch.window)?;
        deliver(&scratch.window[lead..]);
        while self.batch(stream, false, scratch)? && self.load(stream, scratch)? {}
        Ok(Taken::Data(moved))
    }

    /// Writes all whole lines of the spool to the log; with `last`, also a line without its end.
    ///
    /// # Errors
    /// The log cannot be written. Nothing is lost, and calling it again goes on.
    pub(crate) fn flush(&mut self, stream: Stream, last: bool, scratch: &mut Scratch) -> io::Result<()> {
        if self.untouched {
            return Ok(());
        }
        self.open()?;
        self.resume(scratch)?;
        while self.load(stream, scratch)? && self.batch(stream, last, scratch)? {}
        Ok(())
    }

    /// Whether output may be taken although the log cannot be written.
    pub(crate) fn may_lose(&self) -> bool {
        self.target.non_blocking.is_some()
    }

    /// Takes output while the log cannot be written, for containers that must not wait: keeps as much as they may keep,
    /// and drops the rest.
    ///
    /// # Errors
    /// The FIFO cannot be read.
    pub(crate) fn absorb(
        &mut self,
        stream: Stream,
        fifo: BorrowedFd<'_>,
        scratch: &mut Scratch,
        deliver: impl FnOnce(&[u8]),
    ) -> io::Result<Taken> {
        let taken = match self.keep(stream, fifo, scratch) {
            Some(taken) => taken,
            None => scratch.read(fifo)?,
        };
        if let Taken::Data(len) = taken {
            deliver(scratch.window(len));
        }
        Ok(taken)
    }

    /// Moves output into the spool if there is room for it.
    fn keep(&mut self, stream: Stream, fifo: BorrowedFd<'_>, scratch: &mut Scratch) -> Option<Taken> {
        let limit = self.target.non_blocking?;
        let files = self.open().ok()?;
        let spool = &mut files.spools[stream.index()];
        let before = spool.size;
        let room = limit.saturating_sub(before - files.record.done[stream.index()]);
        let room = usize::try_from(room).unwrap_or(TAKE).min(TAKE);
        if room == 0 {
            return None;
        }
        match spool.splice(fifo, room).ok()? {
            None => Some(Taken::Empty),
            Some(0) => Some(Taken::End),
            Some(moved) => {
                scratch.window.resize(moved, 0);
                spool.read(before, &mut scratch.window).ok()?;
                Some(Taken::Data(moved))
            }
        }
    }

    /// The target, if since the last call a file was rotated that wants to be compressed.
    pub(crate) fn take_rotated(&mut self) -> Option<&LogTarget> {
        std::mem::take(&mut self.rotated).then_some(&self.target).filter(|target| target.compress)
    }

    /// Empties the spools if everything in them is in the log. For moments when nothing else is to do.
    pub(crate) fn rest(&mut self) -> io::Result<()> {
        let Some(files) = &mut self.files else { return Ok(()) };
        for stream in Stream::BOTH {
            let spool = &mut files.spools[stream.index()];
            let done = &mut files.record.done[stream.index()];
            if files.record.pending.is_none() && *done == spool.size && spool.size >= RESET {
                // First the journal forgets the last write, which points into the spool.
                files.journal.write(&files.record)?;
                spool.reset()?;
                files.record.done[stream.index()] = 0;
                files.journal.write(&files.record)?;
            }
        }
        Ok(())
    }

    /// Whether it holds descriptors.
    pub(crate) fn is_open(&self) -> bool {
        self.files.is_some()
    }

    /// Whether something taken waits to be written, as far as that is known without opening anything.
    pub(crate) fn is_behind(&self) -> bool {
        self.files.as_ref().is_some_and(|files| {
            let record = &files.record;
            record.pending.is_some() || files.spools.iter().zip(record.done).any(|(spool, done)| done < spool.size)
        })
    }

    /// Closes its descriptors until they are needed again.
    pub(crate) fn close(&mut self) {
        if let Some(files) = self.files.take() {
            // Only spares the next opening the comparison with the log's size.
            let _ = files.journal.write(&files.record);
        }
    }

    fn open(&mut self) -> io::Result<&mut Files> {
        if self.files.is_none() {
            self.files = Some(Files::open(&self.dir, &self.target)?);
        }
        // Just filled; the error is there so that no path panics.
        self.files.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Completes a write that was cut.
    fn resume(&mut self, scratch: &mut Scratch) -> io::Result<()> {
        let files = self.files.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let Some(pending) = files.record.pending else { return Ok(()) };
        let done = files.record.done[pending.stream.index()];
        let len = usize::try_from(pending.upto.saturating_sub(done)).unwrap_or(0);
        scratch.window.resize(len, 0);
        files.spools[pending.stream.index()].read(done, &mut scratch.window)?;
        let batch = Batch {
            stream: pending.stream,
            at: files.record.at.unwrap_or(Timestamp::UNIX_EPOCH),
            carry: files.record.carry[pending.stream.index()],
            // The part ends where the encoder stopped, so if it ends within a line, that line was the last.
            last: true,
            limit: usize::MAX,
        };
        scratch.entries.clear();
        let encoded = self.encoder.encode(&scratch.window, &batch, &mut scratch.entries);
        let stat = fstat(&files.log)?;
        let written = if stat.st_ino == pending.inode {
            stat.st_size.cast_unsigned().saturating_sub(pending.offset).min(pending.len)
        } else {
            0
        };
        let written = usize::try_from(written).unwrap_or(0).min(scratch.entries.len());
        append(&files.log, &scratch.entries[written..])?;
        files.commit(pending, encoded.carry);
        Ok(())
    }

    /// Reads the part of the spool that is not in the log yet, as far as the window goes. False if there is none.
    fn load(&mut self, stream: Stream, scratch: &mut Scratch) -> io::Result<bool> {
        let files = self.files.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let done = files.record.done[stream.index()];
        let left = files.spools[stream.index()].size - done;
        scratch.window.resize(usize::try_from(left).unwrap_or(WINDOW).min(WINDOW), 0);
        files.spools[stream.index()].read(done, &mut scratch.window)?;
        Ok(left > 0)
    }

    /// Writes one batch from the window. False if there was no whole line in it.
    fn batch(&mut self, stream: Stream, last: bool, scratch: &mut Scratch) -> io::Result<bool> {
        let files = self.files.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let (done, size) = (files.record.done[stream.index()], files.spools[stream.index()].size);
        let stat = files.log_stat(&self.target, &mut self.rotated)?;
        let room = self.target.max_size.map_or(u64::MAX, |max| max.saturating_sub(stat.size).max(1));
        let now = Timestamp::now();
        let batch = Batch {
            stream,
            at: files.record.at.map_or(now, |at| at.max(now)),
            carry: files.record.carry[stream.index()],
            last: last && done + scratch.window.len() as u64 == size,
            limit: usize::try_from(room).unwrap_or(usize::MAX).min(ENCODE),
        };
        scratch.entries.clear();
        let encoded = self.encoder.encode(&scratch.window, &batch, &mut scratch.entries);
        if encoded.consumed == 0 {
            return Ok(false);
        }
        let pending = Pending {
            stream,
            upto: done + encoded.consumed as u64,
            inode: stat.inode,
            offset: stat.size,
            len: scratch.entries.len() as u64,
        };
        files.begin(pending, batch.at)?;
        append(&files.log, &scratch.entries)?;
        files.commit(pending, encoded.carry);
        Ok(true)
    }
}

/// The log file's identity and size before a write.
struct LogStat {
    inode: u64,
    size: u64,
}

impl Files {
    fn open(dir: &Path, target: &LogTarget) -> io::Result<Files> {
        let (journal, mut record) = Journal::open(&dir.join("journal"))?;
        let [stdout, stderr] = Stream::BOTH.map(|stream| Spool::open(&spool_path(dir, stream)));
        let spools = [stdout?, stderr?];
        for stream in Stream::BOTH {
            // A reset was cut between emptying the spool and saying so.
            if spools[stream.index()].size < record.done[stream.index()] {
                record.done[stream.index()] = 0;
            }
        }
        Ok(Files { journal, record, spools, log: open_log(&target.path)? })
    }

    /// Rotates the log if it is full, and says so.
    fn log_stat(&mut self, target: &LogTarget, rotated: &mut bool) -> io::Result<LogStat> {
        let stat = fstat(&self.log)?;
        let size = stat.st_size.cast_unsigned();
        if target.max_size.is_none_or(|max| size < max) {
            return Ok(LogStat { inode: stat.st_ino, size });
        }
        // The last write is complete: from here on its file is another one.
        self.journal.write(&self.record)?;
        if target.max_files > 1 {
            let reader = target.cursor.as_deref().filter(|_| target.non_blocking.is_none());
            rotate(&target.path, target.max_files, reader)?;
            *rotated = true;
            cut()?;
            self.log = open_log(&target.path)?;
        } else {
            cut()?;
            ftruncate(&self.log, 0)?;
        }
        let stat = fstat(&self.log)?;
        Ok(LogStat { inode: stat.st_ino, size: stat.st_size.cast_unsigned() })
    }

    /// Notes a write before it is made.
    fn begin(&mut self, pending: Pending, at: Timestamp) -> io::Result<()> {
        let record = Record { at: Some(at), pending: Some(pending), ..self.record };
        self.journal.write(&record)?;
        self.record = record;
        let done = self.record.done[pending.stream.index()];
        self.spools[pending.stream.index()].forget(done);
        Ok(())
    }

    /// Notes, in memory, that it was made. The next record on disk will say so; until then the log's size does.
    fn commit(&mut self, pending: Pending, carry: Option<Carry>) {
        self.record.done[pending.stream.index()] = pending.upto;
        self.record.carry[pending.stream.index()] = carry;
        self.record.pending = None;
    }
}

/// Docker's mode for log files.
fn open_log(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
    Ok(keep(openat(CWD, path, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP)?))
}

fn append(log: &OwnedFd, mut entries: &[u8]) -> io::Result<()> {
    while !entries.is_empty() {
        cut()?;
        match rustix::io::write(log, &entries[..shorten(entries.len())]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => entries = &entries[written..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
