//! Session keyrings.

use std::ffi::CStr;

use rustix::io::Errno;

use crate::process::last_errno;

/// `KEYCTL_JOIN_SESSION_KEYRING` of `linux/keyctl.h`.
const JOIN_SESSION_KEYRING: libc::c_int = 1;
/// `KEYCTL_SETPERM`.
const SETPERM: libc::c_int = 5;
/// `KEYCTL_DESCRIBE`.
const DESCRIBE: libc::c_int = 6;

/// Moves the process into a new session keyring, or into the one of that name if there is one that it may search.
/// Yields the keyring's serial number. Allocates nothing.
///
/// # Errors
/// `EDQUOT` if the user has too many keys, `ENOSYS` on kernels without keyrings.
pub fn join_session(name: &CStr) -> Result<i32, Errno> {
    // SAFETY: the name is terminated and outlives the call.
    let serial = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, name.as_ptr()) };
    if serial < 0 { Err(last_errno()) } else { i32::try_from(serial).map_err(|_| Errno::RANGE) }
}

/// Lets the keyring's owner (the user) search it, as its possessor may.
///
/// # Errors
/// The kernel's.
pub fn allow_owner_search(serial: i32) -> Result<(), Errno> {
    // `KEY_USR_SEARCH` and the possessor's rights of `linux/keyctl.h`.
    const USER_SEARCH: u32 = 0x0008_0000;
    let mut description = [0u8; 256];
    // SAFETY: the kernel writes at most the length that is passed.
    let length =
        unsafe { libc::syscall(libc::SYS_keyctl, DESCRIBE, serial, description.as_mut_ptr(), description.len()) };
    if length < 0 {
        return Err(last_errno());
    }
    let permissions = permissions(&description).ok_or(Errno::INVAL)? | USER_SEARCH;
    // SAFETY: no memory is passed.
    if unsafe { libc::syscall(libc::SYS_keyctl, SETPERM, serial, permissions) } < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

/// The fourth field of `type;uid;gid;permissions;description`, in hexadecimal.
fn permissions(description: &[u8]) -> Option<u32> {
    let field = description.split(|b| *b == b';').nth(3)?;
    u32::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_the_fourth_field() {
        assert_eq!(permissions(b"keyring;0;0;3f130000;_ses\0\0"), Some(0x3f13_0000));
        assert_eq!(permissions(b"keyring;0;0"), None);
    }
}
