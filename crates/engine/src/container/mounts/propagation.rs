//! Whether mounts can spread between the host and a container as a bind asks for.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::Error;

/// Refuses a bind that asks for mounts to spread where its source's mount does not let them: nothing would appear, and nobody
/// would be told why. Docker's words.
pub(super) fn check(source: &Path, propagation: &str) -> Result<(), Error> {
    let (shared, slave) = (propagation.ends_with("shared"), propagation.ends_with("slave"));
    if !shared && !slave {
        return Ok(());
    }
    let fail = |errno: rustix::io::Errno| Error::File { path: source.to_owned(), source: errno.into() };
    // Who opens it for the mount says what is wrong.
    let Ok(opened) = rustix::fs::open(source, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else { return Ok(()) };
    let peers = teu_sys::mount::peers(opened.as_fd()).map_err(fail)?;
    if peers.shared || slave && peers.slave {
        return Ok(());
    }
    let needed = if shared { "a shared" } else { "a shared or slave" };
    Err(Error::Invalid(format!(
        "path {} is mounted on {} but it is not {needed} mount",
        source.display(),
        peers.point.display()
    )))
}
