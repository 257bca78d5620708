//! The file between a FIFO and the log.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FallocateFlags, Mode, OFlags, fallocate, fstat, ftruncate, openat};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

use super::fault::cut;
use crate::kept::keep;

/// Memory (the exec root is usually a tmpfs) is given back when this much is behind the log.
const PUNCH: u64 = 1 << 20;
/// What is younger than this is kept, whoever has read it: clients of a keeper that was killed get from here what it had
/// taken and not given to them, which is no more than their sockets and one take.
const KEEP: u64 = 1 << 20;

/// An open spool file.
#[derive(Debug)]
pub(super) struct Spool {
    file: OwnedFd,
    /// Its size: everything ever taken from the FIFO since the last reset.
    pub(super) size: u64,
    /// Holes up to here.
    punched: u64,
}

impl Spool {
    pub(super) fn open(path: &Path) -> io::Result<Spool> {
        let file = openat(CWD, path, OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
        let size = fstat(&file)?.st_size.cast_unsigned();
        Ok(Spool { file: keep(file), size, punched: 0 })
    }

    /// Moves up to `len` bytes from the FIFO. None if it is empty, zero if nobody has it open for writing either.
    pub(super) fn splice(&mut self, fifo: BorrowedFd<'_>, len: usize) -> io::Result<Option<usize>> {
        cut()?;
        let mut end = self.size;
        loop {
            match splice(fifo, None, &self.file, Some(&mut end), len, SpliceFlags::NONBLOCK) {
                Ok(moved) => {
                    self.size += moved as u64;
                    return Ok(Some(moved));
                }
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Reads exactly what stands at `offset`.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            match rustix::io::pread(&self.file, &mut into[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Gives back the memory of what is before `done`. Best effort: a file system without holes keeps it until the
    /// reset.
    pub(super) fn forget(&mut self, done: u64) {
        let done = done.saturating_sub(KEEP);
        if done - self.punched.min(done) >= PUNCH {
            let keep_size = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // Failure costs memory, not data.
            let _ = fallocate(&self.file, keep_size, self.punched, done - self.punched);
            self.punched = done;
        }
    }

    /// Empties it.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        cut()?;
        ftruncate(&self.file, 0)?;
        self.size = 0;
        self.punched = 0;
        Ok(())
    }
}
