//! A writer of EROFS images that are an index over a tar in the same file.
//!
//! The file of a layer, in blocks of 512 bytes, which is both the tar's block and the smallest that EROFS knows:
//!
//! ```text
//! 0      unused, but for the superblock at byte 1,024 (EROFS demands it there)
//! 4096   the uncompressed tar, byte for byte; file data always begins at a multiple of 512 in it
//! …      copies of those parts of sparse files that the tar does not hold aligned
//! meta   inodes with extended attributes and short contents, then directory blocks and long link targets
//! ```
//!
//! A regular file's inode points at its data inside the tar (flat plain layout), a sparse file's at its chunks. So the
//! tar can be written as it arrives, and the index is appended when it is complete. What follows a file's last byte in its last
//! block is the tar's padding; the kernel cuts files at their size.
//!
//! The format is documented in the kernel's `Documentation/filesystems/erofs.rst` and `fs/erofs/erofs_fs.h`. Used are features that
//! Linux 5.15 and newer know; mounting from a file needs 6.12. Whiteouts are written as overlayfs knows them:
//! character devices 0/0 and the attribute `trusted.overlay.opaque`.

mod dirent;
pub(crate) mod format;
mod layout;
mod sparse;
mod writer;

pub(crate) use writer::{Geometry, probe_image, write_index};

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 512;
/// Where the tar begins in the file: a page, so that data keeps whatever alignment it has in the tar.
pub(crate) const TAR_START: u64 = 4096;
