//! On-disk structures (`fs/erofs/erofs_fs.h`), little-endian.

/// Where the superblock begins in the file.
pub(super) const SUPERBLOCK_OFFSET: u64 = 1024;
/// Its size, without extension slots.
pub(super) const SUPERBLOCK_SIZE: usize = 128;
const MAGIC: u32 = 0xE0F5_E1E2;
/// log2 of the block size.
const BLOCK_BITS: u8 = 9;
/// Compatible feature: inodes have modification, not change times.
const FEATURE_MTIME: u32 = 0x2;
/// Incompatible feature: chunk-based files.
const FEATURE_CHUNKED_FILE: u32 = 0x4;

/// Size of an extended inode: the form with 32-bit owners, 64-bit size and a time of its own.
pub(super) const INODE_SIZE: u64 = 64;
/// Inodes are addressed in slots of this size.
pub(super) const SLOT: u64 = 32;
/// Address of a chunk that is a hole.
pub(super) const NULL_BLOCK: u32 = u32::MAX;

/// How an inode's data is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataLayout {
    /// Consecutive blocks.
    Plain = 0,
    /// Consecutive blocks, the last incomplete one right after the inode.
    Inline = 2,
    /// An array of block addresses after the inode.
    Chunked = 4,
}

/// File types in directory entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileType {
    Regular = 1,
    Directory = 2,
    CharDevice = 3,
    BlockDevice = 4,
    Fifo = 5,
    Symlink = 7,
}

impl FileType {
    /// The type bits of `st_mode`.
    pub(super) fn mode_bits(self) -> u16 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::Regular => 0o100_000,
            Self::Symlink => 0o120_000,
        }
    }
}

/// The superblock's variable parts.
pub(super) struct Superblock {
    pub(super) root_nid: u16,
    pub(super) inodes: u64,
    pub(super) blocks: u32,
    pub(super) meta_block: u32,
    pub(super) uuid: [u8; 16],
    pub(super) chunked: bool,
}

impl Superblock {
    pub(super) fn encode(&self) -> [u8; SUPERBLOCK_SIZE] {
        let mut out = [0; SUPERBLOCK_SIZE];
        let mut put = |offset: usize, bytes: &[u8]| out[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC.to_le_bytes());
        put(8, &FEATURE_MTIME.to_le_bytes());
        put(12, &[BLOCK_BITS]);
        put(14, &self.root_nid.to_le_bytes());
        put(16, &self.inodes.to_le_bytes());
        put(36, &self.blocks.to_le_bytes());
        put(40, &self.meta_block.to_le_bytes());
        put(48, &self.uuid);
        put(80, &(if self.chunked { FEATURE_CHUNKED_FILE } else { 0 }).to_le_bytes());
        out
    }
}

/// An extended inode.
pub(super) struct RawInode {
    pub(super) layout: DataLayout,
    pub(super) xattr_count: u16,
    pub(super) mode: u16,
    pub(super) size: u64,
    /// First block, device number or chunk format, by type and layout.
    pub(super) address: u32,
    pub(super) number: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) seconds: i64,
    pub(super) nanos: u32,
    pub(super) links: u32,
}

impl RawInode {
    pub(super) fn encode(&self) -> [u8; 64] {
        let mut out = [0; 64];
        let mut put = |offset: usize, bytes: &[u8]| out[offset..offset + bytes.len()].copy_from_slice(bytes);
        // Bit 0: extended.
        let format = 1 | (self.layout as u16) << 1;
        put(0, &format.to_le_bytes());
        put(2, &self.xattr_count.to_le_bytes());
        put(4, &self.mode.to_le_bytes());
        put(8, &self.size.to_le_bytes());
        put(16, &self.address.to_le_bytes());
        put(20, &self.number.to_le_bytes());
        put(24, &self.uid.to_le_bytes());
        put(28, &self.gid.to_le_bytes());
        put(32, &self.seconds.to_le_bytes());
        put(40, &self.nanos.to_le_bytes());
        put(44, &self.links.to_le_bytes());
        out
    }
}

/// A device number as the kernel stores it (`new_encode_dev`).
pub(super) fn encode_device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// Short prefixes of attribute names, and the index that stands for each.
const XATTR_PREFIXES: [(&[u8], u8); 5] = [
    (b"user.", 1),
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"trusted.", 4),
    (b"security.", 6),
];
/// Bytes before the attributes of an inode: filter, count of shared ones, reserved.
const XATTR_HEADER: usize = 12;

/// Encodes an inode's attributes, header included; empty if it has none that EROFS can hold.
///
/// Attributes of other name spaces (NFS, btrfs) are left out, as unpacking to a file system that does not know them would.
/// `None` if they are too large for one inode.
pub(super) fn encode_xattrs<'a>(xattrs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Option<Vec<u8>> {
    let mut out = vec![0; XATTR_HEADER];
    for (name, value) in xattrs {
        let Some((index, suffix)) = split_name(name) else { continue };
        let name_len = u8::try_from(suffix.len()).ok()?;
        let value_len = u16::try_from(value.len()).ok()?;
        out.extend([name_len, index]);
        out.extend(value_len.to_le_bytes());
        out.extend(suffix);
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    if out.len() == XATTR_HEADER {
        return Some(Vec::new());
    }
    xattr_count(out.len()).map(|_| out)
}

/// The inode's attribute count field for a region of this length: units of 4 bytes, the header counting as one.
pub(super) fn xattr_count(len: usize) -> Option<u16> {
    if len == 0 { Some(0) } else { u16::try_from((len - XATTR_HEADER) / 4 + 1).ok() }
}

fn split_name(name: &[u8]) -> Option<(u8, &[u8])> {
    XATTR_PREFIXES.iter().find_map(|(prefix, index)| {
        let suffix = name.strip_prefix(*prefix)?;
        let whole = prefix.ends_with(b".") != suffix.is_empty();
        whole.then_some((*index, suffix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        assert_eq!(encode_device(0, 0), 0);
        assert_eq!(encode_device(8, 1), 0x801);
        assert_eq!(encode_device(0xfff, 0xfffff), 0xffff_ffff);
        assert_eq!(encode_device(1, 0x100), 0x0010_0100);
    }

    #[test]
    fn attributes() {
        assert_eq!(encode_xattrs([].into_iter()), Some(vec![]));
        let out =
            encode_xattrs([(&b"user.a"[..], &b"xyz"[..]), (b"btrfs.x", b"1"), (b"user.", b"1")].into_iter()).unwrap();
        assert_eq!(out.len(), 12 + 8);
        assert_eq!(&out[12..], [1, 1, 3, 0, b'a', b'x', b'y', b'z']);
        assert_eq!(xattr_count(out.len()), Some(3));
        assert_eq!(split_name(b"system.posix_acl_access"), Some((2, &b""[..])));
        assert_eq!(encode_xattrs([(&b"user.a"[..], &[0; 70_000][..])].into_iter()), None);
    }
}
