//! What is being written, in a file of one record.
//!
//! The record is small and written by one `pwrite` inside one page, so that a process that is killed has written all of
//! it or nothing.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Stream;
use super::encode::Carry;
use super::fault::cut;
use crate::kept::keep;

/// Marks the format; changes with it.
const MAGIC: u64 = u64::from_le_bytes(*b"teulog1\0");
pub(super) const FIELDS: usize = 12;
const NO_TIME: i64 = i64::MIN;

/// Positions and, while a write to the log may be under way, that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Record {
    /// How far each stream's spool is in the log, the pending write excluded.
    pub(super) done: [u64; 2],
    /// See [`Encoded::carry`](super::encode::Encoded::carry), per stream.
    pub(super) carry: [Option<Carry>; 2],
    /// Latest time in the log: times never go back.
    pub(super) at: Option<Timestamp>,
    /// A write that may have happened not at all, in part, or wholly.
    pub(super) pending: Option<Pending>,
}

/// A write to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) stream: Stream,
    /// The spool up to here is in the log once it is done.
    pub(super) upto: u64,
    /// The log file's inode number.
    pub(super) inode: u64,
    /// Its size before.
    pub(super) offset: u64,
    /// Bytes to be written.
    pub(super) len: u64,
}

impl Record {
    pub(super) fn to_bytes(self) -> [u8; FIELDS * 8] {
        let nanos = |t: Option<Timestamp>| t.map_or(NO_TIME, to_nanos).cast_unsigned();
        let parts = |c: Option<Carry>| c.map_or(0, |c| u64::from(c.parts));
        let pending = self.pending;
        let fields = [
            MAGIC,
            self.done[0],
            self.done[1],
            nanos(self.carry[0].map(|c| c.at)),
            nanos(self.carry[1].map(|c| c.at)),
            nanos(self.at),
            pending.map_or(0, |p| p.stream as u64 + 1),
            pending.map_or(0, |p| p.upto),
            pending.map_or(0, |p| p.inode),
            pending.map_or(0, |p| p.offset),
            pending.map_or(0, |p| p.len),
            parts(self.carry[0]) | parts(self.carry[1]) << 32,
        ];
        let mut bytes = [0; FIELDS * 8];
        for (slot, field) in bytes.chunks_exact_mut(8).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; FIELDS * 8]) -> Option<Record> {
        let mut fields = [0; FIELDS];
        for (field, slot) in fields.iter_mut().zip(bytes.chunks_exact(8)) {
            *field = u64::from_le_bytes(slot.try_into().ok()?);
        }
        let [magic, done0, done1, carry0, carry1, at, stream, upto, inode, offset, len, parts] = fields;
        let time = |nanos: u64| from_nanos(nanos.cast_signed());
        let pending = match stream {
            0 => None,
            1 => Some(Stream::Stdout),
            2 => Some(Stream::Stderr),
            _ => return None,
        }
        .map(|stream| Pending { stream, upto, inode, offset, len });
        (magic == MAGIC).then(|| Record {
            done: [done0, done1],
            carry: [carry(time(carry0), parts), carry(time(carry1), parts >> 32)],
            at: time(at),
            pending,
        })
    }
}

/// Nanoseconds since the epoch fit into 64 bits until the year 2262.
fn to_nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX)
}

fn from_nanos(nanos: i64) -> Option<Timestamp> {
    (nanos != NO_TIME).then(|| Timestamp::from_nanosecond(nanos.into()).ok()).flatten()
}

/// The number of parts is the lower half of `parts`.
fn carry(at: Option<Timestamp>, parts: u64) -> Option<Carry> {
    let parts = u32::try_from(parts & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    at.map(|at| Carry { at, parts })
}

/// The file.
#[derive(Debug)]
pub(super) struct Journal {
    file: OwnedFd,
}

impl Journal {
    /// Opens it, and makes sure that writing it cannot fail for lack of space later.
    pub(super) fn open(path: &Path) -> io::Result<(Journal, Record)> {
        let file = openat(CWD, path, OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
        let mut bytes = [0; FIELDS * 8];
        let read = rustix::io::pread(&file, &mut bytes, 0)?;
        let journal = Journal { file: keep(file) };
        if read == 0 {
            let record = Record::default();
            journal.write(&record)?;
            return Ok((journal, record));
        }
        match Record::from_bytes(&bytes) {
            Some(record) if read == bytes.len() => Ok((journal, record)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a log journal")),
        }
    }

    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        cut()?;
        let bytes = record.to_bytes();
        let written = rustix::io::pwrite(self.file.as_fd(), &bytes, 0)?;
        if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (journal, record) = Journal::open(&path).unwrap();
        assert_eq!(record, Record::default());
        let record = Record {
            done: [1, u64::MAX],
            carry: [None, Some(Carry { at: Timestamp::new(5, 7).unwrap(), parts: 3 })],
            at: Some(Timestamp::UNIX_EPOCH),
            pending: Some(Pending { stream: Stream::Stderr, upto: 9, inode: 8, offset: 7, len: 6 }),
        };
        journal.write(&record).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&path).unwrap().1, record);
    }

    #[test]
    fn another_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        for content in [&b"short"[..], &[1; 200]] {
            std::fs::write(&path, content).unwrap();
            assert!(Journal::open(&path).is_err());
        }
    }
}
