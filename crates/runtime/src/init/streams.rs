//! Standard streams, preserved descriptors, terminals.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags, Uid};
use rustix::io::Errno;
use teu_sys::mount::bind;
use teu_sys::{process, pty};

use super::path;
use crate::channel::{self, Kind};
use crate::plan::{Descriptor, Terminal};

/// Opens a terminal in the container's own `devpts`, makes it the controlling one and the standard streams, and sends its
/// master to the parent. Without a root at hand, the process is in it.
pub(super) fn open_terminal(
    root: Option<BorrowedFd<'_>>,
    terminal: &Terminal,
    parent: BorrowedFd<'_>,
) -> Result<(), Errno> {
    let own;
    let root = match root {
        Some(root) => root,
        None => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            own = rustix::fs::open(c"/", flags, Mode::empty())?;
            own.as_fd()
        }
    };
    let dir = path::open(root, c"dev/pts")?;
    let pty = pty::open_in(dir.as_fd())?;
    if let Some(size) = terminal.size {
        pty::set_size(pty.master.as_fd(), size.rows, size.columns)?;
    }
    let owner = Some(Uid::from_raw(terminal.owner));
    match rustix::fs::chownat(pty.slave.as_fd(), c"", owner, None, AtFlags::EMPTY_PATH) {
        // An id that the user namespace does not have; what matters is reported when it is taken on.
        Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    if terminal.console {
        let console = path::make_file(root, c"dev/console")?;
        bind(pty.slave.as_fd(), false, console.as_fd())?;
    }
    pty::make_controlling(pty.slave.as_fd())?;
    for number in 0..3 {
        process::inherit_as(pty.slave.as_fd(), number)?;
    }
    channel::send(parent, Kind::Console, 0, 0, b"", Some(pty.master.as_fd()))
}

/// Gives descriptors their numbers.
pub(super) fn place(descriptors: &[Descriptor]) -> Result<(), Errno> {
    descriptors.iter().try_for_each(|d| process::inherit_as(d.fd.as_fd(), d.number))
}

/// Makes the user the owner of the standard streams, so that it can open `/dev/stdout` and the like. `/dev/null` is left,
/// since everybody's, and so is what cannot be changed.
pub(super) fn own(uid: u32) -> Result<(), Errno> {
    for stream in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        let Ok(stat) = rustix::fs::fstat(stream) else { continue };
        let null = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (1, 3);
        if stat.st_uid == uid || null {
            continue;
        }
        match rustix::fs::fchown(stream, Some(Uid::from_raw(uid)), None) {
            Ok(()) | Err(Errno::INVAL | Errno::PERM | Errno::ROFS | Errno::NOSYS) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
