//! What the kernel must have.

use rustix::io::Errno;

use crate::process::check;

/// Calls that nothing here can do without, and the version of Linux that each came with. `openat2` keeps paths inside of
/// containers from leading out of them: there is no replacement that is as safe.
const NEEDED: [(&str, libc::c_long, &str); 3] = [
    ("clone3", libc::SYS_clone3, "5.3"),
    ("pidfd_open", libc::SYS_pidfd_open, "5.3"),
    ("openat2", libc::SYS_openat2, "5.6"),
];

/// A call that is missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "this kernel ({release}) lacks {call} of Linux {version}, or a filter around this process refuses it: Linux 5.6 or \
     later is needed, and in a container a filter that knows it"
)]
pub struct Lacking {
    call: &'static str,
    version: &'static str,
    release: String,
}

/// Whether containers can be made at all.
///
/// # Errors
/// What the kernel, or a filter around the caller, lacks.
pub fn check_calls() -> Result<(), Lacking> {
    let release = || rustix::system::uname().release().to_string_lossy().into_owned();
    match NEEDED.iter().find(|(_, number, _)| !is_there(*number)) {
        None => Ok(()),
        Some((call, _, version)) => Err(Lacking { call, version, release: release() }),
    }
}

fn is_there(call: libc::c_long) -> bool {
    // SAFETY: sizes and flags of -1 are refused before anything else is looked at, and the address -1 is no one's.
    let answer = check(unsafe { libc::syscall(call, -1, -1, -1, -1, -1) });
    // None of them asks for a privilege before it has read its arguments: a refusal is a filter's.
    !matches!(answer, Err(Errno::NOSYS | Errno::PERM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_what_is_needed_and_an_unknown_call_is_missing() {
        check_calls().unwrap();
        assert!(!is_there(100_000));
    }
}
