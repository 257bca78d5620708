//! `mount(2)`, for where the newer calls are missing or refused.
//!
//! It takes paths only: descriptors are named through procfs, so the caller's `/proc` must be one. Nothing is allocated.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::info::{Path, Table, mount_id};
use super::{Attributes, Change};

/// As [`set_attributes`](super::set_attributes), of a mount that is attached.
pub(super) fn change(mount: BorrowedFd<'_>, change: &Change) -> Result<(), Errno> {
    if !(change.set | change.clear).is_empty() {
        remount(mount, change)?;
    }
    match change.propagation {
        None => Ok(()),
        Some(propagation) => {
            let mut name = Name::default();
            super::set_propagation(name.of(mount)?, propagation, change.recursive)
        }
    }
}

/// Remounts a mount, and each of those below that can be reached.
fn remount(mount: BorrowedFd<'_>, change: &Change) -> Result<(), Errno> {
    let id = mount_id(mount)?;
    let mut table = Table::open()?;
    let top = loop {
        let entry = table.next()?.ok_or(Errno::INVAL)?;
        if entry.id == id {
            remount_one(mount, apply(entry.attributes, change))?;
            break Path::decode(entry.point)?;
        }
    };
    if !change.recursive {
        return Ok(());
    }
    let mut table = Table::open()?;
    while let Some(entry) = table.next()? {
        let point = Path::decode(entry.point)?;
        if !top.contains(&point) {
            continue;
        }
        // The kernel's own words for a mount point have no links in them: whoever put one there since is not followed.
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let below = rustix::fs::openat2(CWD, point.as_c_str()?, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)?;
        // Another one is on top of it, or of a directory above: nobody gets to it.
        if mount_id(below.as_fd())? == entry.id {
            remount_one(below.as_fd(), apply(entry.attributes, change))?;
        }
    }
    Ok(())
}

fn remount_one(mount: BorrowedFd<'_>, attributes: Attributes) -> Result<(), Errno> {
    let mut name = Name::default();
    rustix::mount::mount_remount(name.of(mount)?, MountFlags::BIND | flags(attributes), c"")
}

fn apply(attributes: Attributes, change: &Change) -> Attributes {
    // The access time policy is a field.
    let field = if change.set.intersects(Attributes::ATIME) { Attributes::ATIME } else { Attributes::empty() };
    (attributes - change.clear - field) | change.set
}

/// Attributes as flags of `mount(2)`.
fn flags(attributes: Attributes) -> MountFlags {
    const NAMES: [(Attributes, MountFlags); 8] = [
        (Attributes::RDONLY, MountFlags::RDONLY),
        (Attributes::NOSUID, MountFlags::NOSUID),
        (Attributes::NODEV, MountFlags::NODEV),
        (Attributes::NOEXEC, MountFlags::NOEXEC),
        (Attributes::NOATIME, MountFlags::NOATIME),
        (Attributes::STRICTATIME, MountFlags::STRICTATIME),
        (Attributes::NODIRATIME, MountFlags::NODIRATIME),
        // `MS_NOSYMFOLLOW` of `linux/mount.h`.
        (Attributes::NOSYMFOLLOW, MountFlags::from_bits_retain(256)),
    ];
    let set = NAMES.iter().filter(|(attribute, _)| attributes.contains(*attribute));
    let flags = set.fold(MountFlags::empty(), |all, (_, flag)| all | *flag);
    // Said in any case: a remount without a word about access times keeps what it finds.
    if attributes.intersects(Attributes::ATIME) { flags } else { flags | MountFlags::RELATIME }
}

/// Mounts what `source` refers to (with `recursive`, the whole tree) on `target`.
pub(super) fn bind(source: BorrowedFd<'_>, recursive: bool, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let (mut from, mut to) = (Name::default(), Name::default());
    let (from, to) = (from.of(source)?, to.of(target)?);
    if recursive { rustix::mount::mount_bind_recursive(from, to) } else { rustix::mount::mount_bind(from, to) }
}

/// Makes a file system and mounts it on `target`. Its mount becomes read-only later, if it is to be: here that would
/// make the file system so.
pub(super) fn mount(
    (kind, source): (&CStr, &CStr),
    (data, superblock): (&CStr, u32),
    attributes: Attributes,
    target: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let mut name = Name::default();
    let flags = flags(attributes - Attributes::RDONLY) | MountFlags::from_bits_retain(superblock);
    rustix::mount::mount(source, name.of(target)?, kind, flags, Some(data))
}

/// A descriptor's path in procfs, on the stack.
#[derive(Default)]
struct Name([u8; 32]);

impl Name {
    fn of(&mut self, fd: BorrowedFd<'_>) -> Result<&CStr, Errno> {
        write!(&mut self.0[..], "/proc/self/fd/{}\0", fd.as_raw_fd()).map_err(|_| Errno::NAMETOOLONG)?;
        CStr::from_bytes_until_nul(&self.0).map_err(|_| Errno::NAMETOOLONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_their_flags() {
        let all = Attributes::RDONLY | Attributes::NOSUID | Attributes::NOATIME;
        assert_eq!(flags(all), MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOATIME);
        assert_eq!(flags(Attributes::empty()), MountFlags::RELATIME);
    }

    #[test]
    fn what_is_not_changed_is_kept() {
        let before = Attributes::NOSUID | Attributes::NOEXEC | Attributes::STRICTATIME;
        let change = Change { set: Attributes::RDONLY, clear: Attributes::NOEXEC, ..Change::default() };
        let expected = Attributes::NOSUID | Attributes::RDONLY | Attributes::STRICTATIME;
        assert_eq!(apply(before, &change), expected);
        let policy = apply(before, &Change::set(Attributes::NOATIME));
        assert_eq!(policy & Attributes::ATIME, Attributes::NOATIME);
    }
}
