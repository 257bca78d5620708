//! Handing a terminal's master over.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::path::Path;

use anyhow::{Context, Result};

/// Name that goes with the descriptor; receivers show it at most.
const NAME: &[u8] = b"/dev/pts/ptmx";

/// Sends a descriptor to a socket.
pub(super) fn send(socket: &Path, fd: BorrowedFd<'_>) -> Result<()> {
    // The path of a socket is limited to 107 bytes; a directory's descriptor makes any path short.
    let directory = socket.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, rustix::fs::Mode::empty())
        .with_context(|| format!("open the directory of {}", socket.display()))?;
    let name = socket.file_name().context("the socket's path names no file")?;
    let short = Path::new("/proc/self/fd").join(raw(&directory)).join(name);
    crate::listener::send(&short, NAME, fd).with_context(|| format!("send a descriptor to {}", socket.display()))
}

fn raw(fd: &impl AsFd) -> String {
    use std::os::fd::AsRawFd;
    fd.as_fd().as_raw_fd().to_string()
}
