//! User namespaces and their maps.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use teu_oci::runtime::IdMapping;
use teu_sys::process::CloneFlags;
use teu_sys::{caps, userns};

use crate::Error;

/// Writes the id maps of a process that is in a new user namespace.
pub(crate) fn write_maps(pid: i32, uids: &[IdMapping], gids: &[IdMapping]) -> Result<(), Error> {
    if !may_set_groups() {
        // Without the privilege, groups can be mapped only if they can no longer be dropped.
        write(pid, "setgroups", b"deny")?;
    }
    write(pid, "uid_map", IdMapping::lines(uids).as_bytes())?;
    write(pid, "gid_map", IdMapping::lines(gids).as_bytes())
}

/// Whether the caller may write maps that leave `setgroups` allowed.
pub(crate) fn may_set_groups() -> bool {
    let setgid = caps::Capability::from_name("CAP_SETGID");
    caps::get().is_ok_and(|sets| setgid.is_some_and(|c| sets.effective.contains(c)))
}

fn write(pid: i32, name: &str, content: &[u8]) -> Result<(), Error> {
    let path = format!("/proc/{pid}/{name}");
    // The kernel wants the whole map in one call.
    let written = rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .and_then(|file| rustix::io::write(&file, content));
    written.map(|_| ()).map_err(|e| Error::step(format!("write {path}"))(e.into()))
}

/// A user namespace that exists only to describe a mapping, for an id-mapped mount.
pub(crate) fn user_namespace(uids: &[IdMapping], gids: &[IdMapping]) -> Result<OwnedFd, Error> {
    let made = userns::make(&IdMapping::lines(uids), &IdMapping::lines(gids), CloneFlags::empty());
    made.map(|made| made.user).map_err(Error::step("make a user namespace for an id-mapped mount"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_describes_a_mapping() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let map = [IdMapping { container_id: 0, host_id: 100_000, size: 10 }];
        let first = user_namespace(&map, &map).unwrap();
        let own = rustix::fs::stat("/proc/self/ns/user").unwrap();
        assert_ne!(rustix::fs::fstat(&first).unwrap().st_ino, own.st_ino);
        let bad = [IdMapping { container_id: 0, host_id: 0, size: 0 }];
        assert!(user_namespace(&bad, &bad).is_err());
    }
}
