//! The mount table, read without allocation: `proc_pid_mountinfo(5)`.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::Attributes;

/// A line holds up to two paths, and options of up to a page for the superblock.
const LINE_MAX: usize = 16 * 1024;
/// `PATH_MAX` of `linux/limits.h`.
const PATH_MAX: usize = 4096;

/// One mount.
pub(super) struct Entry<'l> {
    pub(super) id: u64,
    /// Where it is, below the reader's root, with what is not plain text as octal numbers.
    pub(super) point: &'l [u8],
    pub(super) attributes: Attributes,
    /// It passes what is mounted on it to others, and takes from them.
    pub(super) shared: bool,
    /// It takes what is mounted on others.
    pub(super) slave: bool,
}

/// The mounts of the caller's namespace.
pub(super) struct Table {
    file: OwnedFd,
    buffer: [u8; LINE_MAX],
    start: usize,
    end: usize,
}

impl Table {
    pub(super) fn open() -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, c"/proc/thread-self/mountinfo", flags, Mode::empty())?;
        Ok(Table { file, buffer: [0; LINE_MAX], start: 0, end: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry<'_>>, Errno> {
        let length = loop {
            match self.buffer[self.start..self.end].iter().position(|b| *b == b'\n') {
                Some(length) => break length,
                None if self.fill()? => {}
                None => return Ok(None),
            }
        };
        let line = self.start..self.start + length;
        self.start = line.end + 1;
        entry(&self.buffer[line]).map(Some).ok_or(Errno::PROTO)
    }

    /// Reads on. Whether there was more.
    fn fill(&mut self) -> Result<bool, Errno> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == LINE_MAX {
            return Err(Errno::OVERFLOW);
        }
        let read = rustix::io::read(&self.file, &mut self.buffer[self.end..])?;
        self.end += read;
        Ok(read > 0)
    }
}

/// Id, point and attributes of a line's mount: its first, fifth and sixth field. Those after that, up to `-`, tell of groups
/// that it belongs to.
fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let mut fields = line.split(|b| *b == b' ');
    let id = number(fields.next()?)?;
    let point = fields.nth(3)?;
    let attributes = fields.next()?.split(|b| *b == b',').fold(Attributes::STRICTATIME, |all, name| match name {
        b"noatime" => (all - Attributes::ATIME) | Attributes::NOATIME,
        // The field's value 0.
        b"relatime" => all - Attributes::ATIME,
        b"ro" => all | Attributes::RDONLY,
        b"nosuid" => all | Attributes::NOSUID,
        b"nodev" => all | Attributes::NODEV,
        b"noexec" => all | Attributes::NOEXEC,
        b"nodiratime" => all | Attributes::NODIRATIME,
        b"nosymfollow" => all | Attributes::NOSYMFOLLOW,
        _ => all,
    });
    let (mut shared, mut slave) = (false, false);
    for group in fields.take_while(|field| *field != b"-") {
        shared |= group.starts_with(b"shared:");
        slave |= group.starts_with(b"master:");
    }
    Some(Entry { id, point, attributes, shared, slave })
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// A path in a buffer of its own, made plain.
pub(super) struct Path {
    bytes: [u8; PATH_MAX],
    length: usize,
}

impl Path {
    /// The path of a mount point.
    pub(super) fn decode(point: &[u8]) -> Result<Self, Errno> {
        let mut path = Path { bytes: [0; PATH_MAX], length: 0 };
        let mut rest = point;
        while let Some((&byte, after)) = rest.split_first() {
            let octal = after.get(..3).filter(|_| byte == b'\\').and_then(|o| std::str::from_utf8(o).ok());
            let (byte, after) = match octal.and_then(|o| u8::from_str_radix(o, 8).ok()) {
                Some(code) => (code, &after[3..]),
                None => (byte, after),
            };
            // The last byte stays the terminating zero.
            *path.bytes[..PATH_MAX - 1].get_mut(path.length).ok_or(Errno::NAMETOOLONG)? = byte;
            path.length += 1;
            rest = after;
        }
        Ok(path)
    }

    pub(super) fn as_c_str(&self) -> Result<&CStr, Errno> {
        CStr::from_bytes_until_nul(&self.bytes).map_err(|_| Errno::NAMETOOLONG)
    }

    /// Whether `other` is a path below this one.
    pub(super) fn contains(&self, other: &Path) -> bool {
        let own = self.bytes[..self.length].strip_suffix(b"/").unwrap_or(&self.bytes[..self.length]);
        other.bytes[..other.length].strip_prefix(own).is_some_and(|rest| rest.len() > 1 && rest[0] == b'/')
    }
}

/// The id of the mount that a descriptor refers to.
pub(super) fn mount_id(fd: BorrowedFd<'_>) -> Result<u64, Errno> {
    let mut name = [0u8; 64];
    write!(&mut name[..], "/proc/thread-self/fdinfo/{}\0", fd.as_raw_fd()).map_err(|_| Errno::NAMETOOLONG)?;
    let name = CStr::from_bytes_until_nul(&name).map_err(|_| Errno::NAMETOOLONG)?;
    let file = rustix::fs::openat(CWD, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = [0u8; 256];
    let read = rustix::io::read(&file, &mut text)?;
    let mut lines = text[..read].split(|b| *b == b'\n');
    lines.find_map(|line| number(line.strip_prefix(b"mnt_id:")?)).ok_or(Errno::PROTO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn lines_are_read() {
        let line = b"28 27 0:40 /src /with\\040space ro,nosuid,noatime,nodiratime shared:1 - ext4 /dev/vdb rw";
        let entry = entry(line).unwrap();
        let expected = Attributes::RDONLY | Attributes::NOSUID | Attributes::NOATIME | Attributes::NODIRATIME;
        assert_eq!((entry.id, entry.attributes), (28, expected));
        assert!(entry.shared && !entry.slave);
        assert_eq!(Path::decode(entry.point).unwrap().as_c_str().unwrap(), c"/with space");
        let strict = super::entry(b"1 0 0:1 / / rw - rootfs rootfs rw").unwrap();
        assert_eq!(strict.attributes, Attributes::STRICTATIME);
        assert!(!strict.shared && !strict.slave);
        let both = super::entry(b"1 0 0:1 / / rw shared:7 master:5 - shared:1 master:1 rw").unwrap();
        assert!(both.shared && both.slave);
    }

    #[test]
    fn a_path_contains_what_is_below() {
        let path = |text: &[u8]| Path::decode(text).unwrap();
        assert!(path(b"/a").contains(&path(b"/a/b")));
        assert!(path(b"/").contains(&path(b"/a")));
        assert!(!path(b"/a").contains(&path(b"/a")));
        assert!(!path(b"/a").contains(&path(b"/ab")));
        assert!(!path(b"/").contains(&path(b"/")));
        assert_eq!(Path::decode(&[b'x'; PATH_MAX]).err(), Some(Errno::NAMETOOLONG));
    }

    #[test]
    fn the_own_table_has_the_mount_of_a_descriptor() {
        let proc = std::fs::File::open("/proc").unwrap();
        let id = mount_id(proc.as_fd()).unwrap();
        let mut table = Table::open().unwrap();
        loop {
            let entry = table.next().unwrap().expect("a mount with this id");
            if entry.id == id {
                assert_eq!(entry.point, b"/proc");
                break;
            }
        }
    }
}
