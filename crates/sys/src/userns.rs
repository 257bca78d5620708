//! User namespaces that no process lives in: to describe a mapping of ids, or to own another namespace.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::pidfd;
use crate::process::{self, CloneFlags, Spawned, spawn};

/// How long the process that makes a namespace waits to be ended, in seconds.
const PATIENCE: i64 = 60;

/// User namespaces that were made once, by their maps.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<(String, String), Arc<OwnedFd>>>);

impl Known {
    /// One with these maps.
    ///
    /// # Errors
    /// As [`make`].
    pub fn with_maps(&self, maps: (String, String)) -> io::Result<Arc<OwnedFd>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(namespace) = known.get(&maps) {
            return Ok(Arc::clone(namespace));
        }
        let namespace = Arc::new(make(&maps.0, &maps.1, CloneFlags::empty())?.user);
        known.insert(maps, Arc::clone(&namespace));
        Ok(namespace)
    }
}

/// A user namespace, and what was made in it.
#[derive(Debug)]
pub struct Made {
    /// The user namespace.
    pub user: OwnedFd,
    /// A network namespace that belongs to it, if one was asked for.
    pub network: Option<OwnedFd>,
}

/// Makes a user namespace with these maps (lines as in `user_namespaces(7)`), and with `NEWNET` in `with` a network
/// namespace that belongs to it. A process is cloned that has ended when this returns: the kernel has no other way for
/// somebody with threads.
///
/// # Errors
/// The kernel's: `EINVAL` for maps that overlap, `ENOSPC` and `EUSERS` if there are too many namespaces, `EPERM` without
/// privilege.
pub fn make(uid_map: &str, gid_map: &str, with: CloneFlags) -> io::Result<Made> {
    let child = spawn(CloneFlags::NEWUSER | (with & CloneFlags::NEWNET), None, || {
        // Should the caller die, nobody else would end it.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        process::sleep_alone(PATIENCE, 1)
    })?;
    let made = describe(&child, uid_map, gid_map, with);
    // It cannot be gone already: nobody but this function reaps it.
    pidfd::send_signal(child.pidfd.as_fd(), Signal::KILL.as_raw())?;
    pidfd::wait(child.pidfd.as_fd())?;
    made
}

fn describe(child: &Spawned, uid_map: &str, gid_map: &str, with: CloneFlags) -> io::Result<Made> {
    for (name, map) in [("uid_map", uid_map), ("gid_map", gid_map)] {
        // The kernel wants the whole map in one call.
        let file = rustix::fs::open(of(child, name), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(&file, map.as_bytes())?;
    }
    let namespace = |name| rustix::fs::open(of(child, name), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let network = with.contains(CloneFlags::NEWNET).then(|| namespace("ns/net")).transpose()?;
    Ok(Made { user: namespace("ns/user")?, network })
}

fn of(child: &Spawned, name: &str) -> String {
    format!("/proc/{}/{name}", child.pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_without_processes() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let made = make("0 100000 10\n", "0 100000 10\n", CloneFlags::NEWNET).unwrap();
        let own = rustix::fs::stat("/proc/self/ns/user").unwrap();
        assert_ne!(rustix::fs::fstat(&made.user).unwrap().st_ino, own.st_ino);
        assert!(made.network.is_some());
        assert!(make("0 0 0\n", "0 0 1\n", CloneFlags::empty()).is_err(), "an empty range");
        let known = Known::default();
        let maps = || ("0 5 1\n".to_owned(), "0 5 1\n".to_owned());
        let (first, second) = (known.with_maps(maps()).unwrap(), known.with_maps(maps()).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
    }
}
