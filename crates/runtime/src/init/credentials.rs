//! Limits, ids, capabilities, labels.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::{CWD, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use teu_sys::{caps, keyring};

use super::path;
use crate::plan::{Credentials, Label, Rlimit};

/// Sets `oom_score_adj` through the caller's `/proc`. Lowering it takes a privilege that containers do without: what the
/// caller may not do is not done.
pub(super) fn set_oom_score(score: i32) -> Result<(), Errno> {
    use std::io::Write;
    let mut text = [0u8; 12];
    let mut rest = &mut text[..];
    write!(rest, "{score}").map_err(|_| Errno::INVAL)?;
    let left = rest.len();
    let length = text.len() - left;
    let file = rustix::fs::openat(CWD, c"/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    match rustix::io::write(&file, &text[..length]) {
        Ok(_) | Err(Errno::ACCESS | Errno::PERM) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Sets a resource limit.
pub(super) fn set_limit(limit: &Rlimit) -> Result<(), Errno> {
    let new = rustix::process::Rlimit { current: limit.soft, maximum: limit.hard };
    rustix::process::setrlimit(limit.resource, new)
}

/// Becomes root of the user namespace that the process has just entered.
pub(crate) fn become_root() -> Result<(), Errno> {
    rustix::thread::set_thread_res_gid(Some(Gid::ROOT), Some(Gid::ROOT), Some(Gid::ROOT))?;
    rustix::thread::set_thread_res_uid(Some(Uid::ROOT), Some(Uid::ROOT), Some(Uid::ROOT))
}

/// Moves to a new session keyring. Kernels without keyrings, and filters around the caller, are no reason to fail.
pub(super) fn join_keyring(name: &CStr) -> Result<(), Errno> {
    match keyring::join_session(name) {
        // Not essential: runc ignores it too.
        Ok(serial) => keyring::allow_owner_search(serial).or(Ok(())),
        Err(Errno::NOSYS | Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Takes on ids and capabilities, and goes to the working directory.
pub(super) fn set(to: &Credentials) -> Result<(), Errno> {
    rustix::process::umask(Mode::from_raw_mode(to.umask));
    // With the privileges of root: the user need not be able to get there.
    let early = change_directory(&to.cwd);
    caps::limit_bounding_set(to.bounding)?;
    rustix::thread::set_keep_capabilities(true)?;
    if !to.keep_groups {
        rustix::thread::set_thread_groups(&to.groups)?;
    }
    let (uid, gid) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
    rustix::thread::set_thread_res_gid(Some(gid), Some(gid), Some(gid))?;
    rustix::thread::set_thread_res_uid(Some(uid), Some(uid), Some(uid))?;
    rustix::thread::set_keep_capabilities(false)?;
    if early.is_err() {
        // A network file system may let the user in where it keeps root out.
        change_directory(&to.cwd)?;
    }
    caps::set(&to.sets)?;
    match caps::set_ambient(to.ambient) {
        // Before Linux 4.3.
        Err(Errno::INVAL) if to.ambient.is_empty() => Ok(()),
        other => other,
    }
}

/// Changes the working directory, to one inside the root: a descriptor leaked by the caller could have led out of it.
fn change_directory(cwd: &CStr) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat2(CWD, c"/", flags, Mode::empty(), ResolveFlags::empty());
    match root.and_then(|root| teu_sys::scoped::open(root, cwd, flags)) {
        Ok(directory) => rustix::process::fchdir(directory),
        // The container's filter is in force already, and may refuse a call that is newer. So are its limits: there may be no
        // number left for a descriptor.
        Err(Errno::NOSYS | Errno::PERM | Errno::MFILE) => change_directory_and_look(cwd),
        Err(errno) => Err(errno),
    }
}

fn change_directory_and_look(cwd: &CStr) -> Result<(), Errno> {
    rustix::process::chdir(cwd)?;
    let mut buffer = [0u8; 4097];
    let path = teu_sys::process::current_directory(&mut buffer)?;
    if path.to_bytes().first() == Some(&b'/') { Ok(()) } else { Err(Errno::NOENT) }
}

/// Sets a security label for the next `execve`, through a procfs of our own.
pub(super) fn set_label(proc: BorrowedFd<'_>, label: &Label) -> Result<(), Errno> {
    let resolve = ResolveFlags::NO_XDEV;
    let file = readable(label.own_user_namespace, || path::open_with(proc, &label.attribute, OFlags::WRONLY, resolve))?;
    rustix::io::write(&file, label.value.to_bytes()).map(|_| ())
}

/// Opens a file of this process's own in procfs. The files of an undumpable process belong to the machine's root: one that
/// is not (`needed`) becomes dumpable for the moment.
pub(super) fn readable<T>(needed: bool, open: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if !needed {
        return open();
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let opened = open();
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    opened
}
