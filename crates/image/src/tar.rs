//! A strict streaming reader of tar archives, as pure code.
//!
//! The `tar` crate is not used for layers, for three reasons: the EROFS index needs the offset of each file's data in the
//! stream and the exact framing bytes between them; extended headers must be bounded (a layer is a stranger's); and the
//! reader is fed by a pipeline, which a pull parser would need another thread for.
//!
//! Understood are V7, ustar, star prefixes, GNU (long names, base-256 numbers, sparse files of the old format) and PAX
//! (paths, sizes, owners, times to the nanosecond, extended attributes as `SCHILY.xattr.*`, sparse files 0.0, 0.1, 1.0).
//! Where archives are ambiguous the reading is that of Go's `archive/tar`, since layers are written and hashed by it.

mod header;
mod parser;
mod pax;
mod sparse;

pub(crate) use parser::{Parser, Visitor};

/// Whether bytes can be the beginning of an archive: a header, or the end marker of an empty one.
pub(crate) fn begins_archive(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|block| header::Header::parse(block).is_ok() || block.iter().all(|b| *b == 0))
}

/// Bytes of a tar block (POSIX.1-1988, "ustar Interchange Format").
pub(crate) const BLOCK: usize = 512;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file, sparse or not.
    File,
    /// One more name for an earlier entry.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
}

/// A stretch of a sparse file that has data. What lies between reads as zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Its length.
    pub(crate) len: u64,
}

/// A point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Time {
    /// Seconds since 1970 UTC.
    pub(crate) seconds: i64,
    /// 0 to 999,999,999, counted forward from `seconds`.
    pub(crate) nanos: u32,
}

/// One entry with everything its headers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name as written: not yet cleaned, maybe absolute or with `..`.
    pub(crate) path: Vec<u8>,
    /// What it is.
    pub(crate) kind: Kind,
    /// Permission, set-id and sticky bits (`07777`).
    pub(crate) mode: u16,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Time of the last change of content.
    pub(crate) mtime: Time,
    /// Target of a link.
    pub(crate) link: Vec<u8>,
    /// Device numbers, major and minor.
    pub(crate) device: (u32, u32),
    /// Extended attributes, in the archive's order.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of data in the archive.
    pub(crate) data_len: u64,
    /// Where the data begins in the archive: a multiple of [`BLOCK`].
    pub(crate) data_offset: u64,
    /// The file's size; differs from `data_len` for sparse files.
    pub(crate) size: u64,
    /// Which parts of a sparse file the data is, in order, not overlapping; `None` for others.
    pub(crate) sparse: Option<Vec<Segment>>,
}
