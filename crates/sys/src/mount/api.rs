//! What of the mount calls of Linux 5.2 and later can be used.

use std::sync::OnceLock;

use rustix::io::Errno;

use crate::process::check;

/// What there is. Kernels lack calls (`ENOSYS`), and so do filters around the caller, which answer `ENOSYS` or `EPERM`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Mounts that are in no namespace: `fsopen`, `fsmount`, `open_tree`, `move_mount` (Linux 5.2).
    pub detached: bool,
    /// `mount_setattr` (Linux 5.12).
    pub attributes: bool,
}

/// What there is for this process. Found out once; to be called before a clone whose child relies on it.
pub fn api() -> Api {
    static API: OnceLock<Api> = OnceLock::new();
    *API.get_or_init(probe)
}

fn probe() -> Api {
    let privileged = rustix::process::geteuid().is_root();
    let there = |call| match answer(call) {
        Errno::NOSYS => false,
        // Some look at the caller's privileges before anything else; of root this is a filter's answer.
        Errno::PERM => !privileged,
        _ => true,
    };
    let detached = [libc::SYS_fsopen, libc::SYS_fsmount, libc::SYS_open_tree, libc::SYS_move_mount];
    Api { detached: detached.into_iter().all(there), attributes: there(libc::SYS_mount_setattr) }
}

/// What a call says to flags that do not exist, which is all that it looks at.
fn answer(call: libc::c_long) -> Errno {
    // SAFETY: each of the calls refuses unknown flags; it reads no memory before, and the address -1 is no one's.
    check(unsafe { libc::syscall(call, -1, -1, -1, -1, -1) }).err().unwrap_or(Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_fits_the_kernel() {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse::<u32>().unwrap());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        let expected = Api { detached: version >= (5, 2), attributes: version >= (5, 12) };
        assert_eq!(probe(), expected, "{release}");
    }
}
