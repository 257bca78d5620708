//! Which way mounts spread from a mount, and to it: `mount_namespaces(7)`.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::io::Errno;

use super::info::{self, Table};

/// A mount of the caller's namespace, as far as propagation goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Where it is mounted.
    pub point: PathBuf,
    /// What is mounted below it appears below its peers, and the other way round.
    pub shared: bool,
    /// What is mounted below its master appears below it.
    pub slave: bool,
}

/// The mount that a descriptor is on.
///
/// # Errors
/// `ENOENT` if it is in no place that the caller can reach from its root; what reading `/proc` comes to.
pub fn peers(fd: BorrowedFd<'_>) -> Result<Peers, Errno> {
    let id = info::mount_id(fd)?;
    let mut table = Table::open()?;
    while let Some(entry) = table.next()? {
        if entry.id == id {
            let point = info::Path::decode(entry.point)?;
            let point = OsStr::from_bytes(point.as_c_str()?.to_bytes()).into();
            return Ok(Peers { point, shared: entry.shared, slave: entry.slave });
        }
    }
    Err(Errno::NOENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_descriptor_has_a_mount() {
        let proc = std::fs::File::open("/proc/self/status").unwrap();
        assert_eq!(peers(proc.as_fd()).unwrap().point, PathBuf::from("/proc"));
        let detached = std::io::pipe().unwrap().0;
        assert_eq!(peers(detached.as_fd()).unwrap_err(), Errno::NOENT);
    }
}
