//! Project quotas: limits on what the files below a folder take, on file systems that keep such an account (ext4, XFS).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

use crate::process::check;

/// Bytes of a block, in which limits are counted (`linux/quota.h`).
const BLOCK: u64 = 1024;
/// `QCMD(Q_SETQUOTA, PRJQUOTA)`, `QCMD(Q_GETQUOTA, PRJQUOTA)`.
const SET: u32 = 0x80_0008 << 8 | PROJECTS;
const GET: u32 = 0x80_0007 << 8 | PROJECTS;
/// `PRJQUOTA`: accounts are kept for projects.
const PROJECTS: u32 = 2;
/// `QIF_BLIMITS`: the limits of blocks are valid.
const BLOCK_LIMITS: u32 = 1;
/// `FS_XFLAG_PROJINHERIT`: what is made in the folder belongs to its project.
const INHERIT: u32 = 0x200;

/// `struct fsxattr`.
#[allow(dead_code, reason = "the kernel reads and writes what is not looked at here")]
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Attributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    copy_on_write_extent_size: u32,
    padding: [u8; 8],
}

/// `struct if_dqblk`.
#[allow(dead_code, reason = "the kernel reads and writes what is not looked at here")]
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
struct Limits {
    hard: u64,
    soft: u64,
    space: u64,
    inode_hard: u64,
    inode_soft: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
}

/// The project that a folder belongs to; 0 if it belongs to none.
///
/// # Errors
/// `ENOTTY` and `EOPNOTSUPP` if the file system knows no projects.
pub fn project(folder: BorrowedFd<'_>) -> io::Result<u32> {
    Ok(attributes(folder)?.project)
}

/// Makes an empty folder belong to a project, and all that will be made in it.
///
/// # Errors
/// As [`project`].
pub fn set_project(folder: BorrowedFd<'_>, project: u32) -> io::Result<()> {
    let wanted = Attributes { project, ..attributes(folder)? };
    let wanted = Attributes { flags: wanted.flags | INHERIT, ..wanted };
    // SAFETY: the structure is the one that the request reads, and outlives the call.
    Ok(check(unsafe { libc::syscall(libc::SYS_ioctl, folder.as_raw_fd(), request(WRITE, 32), &raw const wanted) })?)
}

/// Limits what the files of a project may take, in bytes, rounded up to 1,024. `on` is anything on the file system.
///
/// # Errors
/// `ENOSYS` before Linux 5.14, `ESRCH` if the file system keeps no account of projects.
pub fn limit(on: BorrowedFd<'_>, project: u32, bytes: u64) -> io::Result<()> {
    let mut limits = Limits { hard: bytes.div_ceil(BLOCK), valid: BLOCK_LIMITS, ..Limits::default() };
    Ok(quotactl(on, SET, project, &mut limits)?)
}

/// The limit of a project in bytes, and how many it takes; 0 stands for no limit.
///
/// # Errors
/// As [`limit`].
pub fn usage(on: BorrowedFd<'_>, project: u32) -> io::Result<(u64, u64)> {
    let mut limits = Limits::default();
    quotactl(on, GET, project, &mut limits)?;
    Ok((limits.hard.saturating_mul(BLOCK), limits.space))
}

fn quotactl(on: BorrowedFd<'_>, command: u32, project: u32, limits: &mut Limits) -> Result<(), Errno> {
    // SAFETY: both commands take the structure that is passed, which outlives the call.
    check(unsafe { libc::syscall(libc::SYS_quotactl_fd, on.as_raw_fd(), command, project, std::ptr::from_mut(limits)) })
}

fn attributes(folder: BorrowedFd<'_>) -> io::Result<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: the structure is the one that the request fills, and outlives the call.
    check(unsafe { libc::syscall(libc::SYS_ioctl, folder.as_raw_fd(), request(READ, 31), &raw mut attributes) })?;
    Ok(attributes)
}

/// `_IOR` and `_IOW`.
const READ: u64 = 2;
const WRITE: u64 = 1;

/// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR` (`linux/fs.h`).
const fn request(direction: u64, number: u64) -> u64 {
    direction << 30 | (size_of::<Attributes>() as u64) << 16 | (b'X' as u64) << 8 | number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kernel() {
        assert_eq!(request(READ, 31), 0x801c_581f);
        assert_eq!(request(WRITE, 32), 0x401c_5820);
        assert_eq!(size_of::<Limits>(), 72);
    }

    #[test]
    fn file_systems_without_projects_say_so() {
        let folder = std::fs::File::open("/proc").unwrap();
        assert!(project(std::os::fd::AsFd::as_fd(&folder)).is_err());
        assert!(limit(std::os::fd::AsFd::as_fd(&folder), 5, 1).is_err());
    }
}
