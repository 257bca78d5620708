//! Network namespaces: making them, entering them on a thread of one's own, their sysctls.
//!
//! A namespace is entered by threads that end afterwards or return to where they came from under their own control:
//! no pooled thread of a runtime ever changes its namespace.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::netlink::{Batch, Family, LinkChange, LinkRef, Socket, push_link_change};
use crate::process::CloneFlags;

/// Interface index of `lo`: the first in every namespace.
const LOOPBACK: u32 = 1;

/// The calling thread's namespace.
pub fn current() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// The namespace of a process.
pub fn of_process(pid: i32) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(format!("/proc/{pid}/ns/net"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A new namespace.
#[derive(Debug)]
pub struct Created {
    /// The namespace.
    pub namespace: OwnedFd,
    /// A route socket inside it, which stays inside whatever its holder does.
    pub route: Socket,
    /// The user namespace that it belongs to, if that is not the caller's.
    pub user: Option<OwnedFd>,
}

/// Moves the calling thread into a new namespace, in which `lo` is up.
pub fn create() -> io::Result<Created> {
    // SAFETY: only the network namespace changes; descriptors stay shared with the other threads.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
    ready(current()?, None)
}

/// Moves the calling thread into a new namespace that belongs to a new user namespace with these maps (lines as in
/// `user_namespaces(7)`); `lo` is up.
pub fn create_owned(uid_map: &str, gid_map: &str) -> io::Result<Created> {
    let made = crate::userns::make(uid_map, gid_map, CloneFlags::NEWNET)?;
    let namespace = made.network.ok_or(io::ErrorKind::NotFound)?;
    enter(namespace.as_fd())?;
    ready(namespace, Some(made.user))
}

/// The namespace that the calling thread has just entered, with `lo` up.
fn ready(namespace: OwnedFd, user: Option<OwnedFd>) -> io::Result<Created> {
    let mut batch = Batch::new();
    push_link_change(&mut batch, LinkRef::Index(LOOPBACK), LinkChange { up: Some(true), ..LinkChange::default() });
    let mut route = Socket::open(Family::Route)?;
    route.execute(batch)?;
    Ok(Created { namespace, route, user })
}

/// Moves the calling thread into `namespace`.
pub fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?)
}

/// Runs `work` on a new thread inside `namespace` and returns its result.
pub fn run_in<T: Send>(namespace: BorrowedFd<'_>, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    on_thread(move || {
        enter(namespace)?;
        work()
    })
}

/// Runs `work` on a new thread, which may change its namespace at will.
pub fn on_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)?
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Writes a sysctl of the calling thread's namespace: `net/ipv4/ip_forward`, relative to `/proc/sys`.
pub fn write_sysctl(name: &str, value: &str) -> io::Result<()> {
    let path = Path::new("/proc/sys").join(name);
    let with_path = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    File::options().write(true).open(&path).and_then(|mut f| f.write_all(value.as_bytes())).map_err(with_path)
}

/// Reads a sysctl of the calling thread's namespace, without surrounding white space.
pub fn read_sysctl(name: &str) -> io::Result<String> {
    let path = Path::new("/proc/sys").join(name);
    std::fs::read_to_string(&path)
        .map(|text| text.trim().to_owned())
        .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

/// What identifies a namespace while it exists: its inode number.
pub fn identity(namespace: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(rustix::fs::fstat(namespace.as_fd())?.st_ino)
}
