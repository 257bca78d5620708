//! What the kernel's errors are called.
//!
//! The words that users and scripts know are glibc's, which Go's runtime and with it Docker took over: "address already in
//! use", "device or resource busy". musl has words of its own for many errors. `std` asks
//! `__xpg_strerror_r`, the POSIX one of two in glibc, for them, so this one stands in its place.

use std::ffi::{CStr, c_char, c_int};

/// The messages of glibc that musl words differently, of errors that system calls of containers, files and sockets end in.
const MESSAGES: &[(c_int, &CStr)] = &[
    (libc::EIO, c"Input/output error"),
    (libc::ENOMEM, c"Cannot allocate memory"),
    (libc::EBUSY, c"Device or resource busy"),
    (libc::EXDEV, c"Invalid cross-device link"),
    (libc::EMFILE, c"Too many open files"),
    (libc::ENOTTY, c"Inappropriate ioctl for device"),
    (libc::EDEADLK, c"Resource deadlock avoided"),
    (libc::ENAMETOOLONG, c"File name too long"),
    (libc::ELOOP, c"Too many levels of symbolic links"),
    (libc::EOVERFLOW, c"Value too large for defined data type"),
    (libc::ENOTSOCK, c"Socket operation on non-socket"),
    (libc::EMSGSIZE, c"Message too long"),
    (libc::EOPNOTSUPP, c"Operation not supported"),
    (libc::EADDRINUSE, c"Address already in use"),
    (libc::EADDRNOTAVAIL, c"Cannot assign requested address"),
    (libc::ENETUNREACH, c"Network is unreachable"),
    (libc::ENETRESET, c"Network dropped connection on reset"),
    (libc::ECONNABORTED, c"Software caused connection abort"),
    (libc::EISCONN, c"Transport endpoint is already connected"),
    (libc::ENOTCONN, c"Transport endpoint is not connected"),
    (libc::ESHUTDOWN, c"Cannot send after transport endpoint shutdown"),
    (libc::ETIMEDOUT, c"Connection timed out"),
    (libc::EHOSTUNREACH, c"No route to host"),
    (libc::EINPROGRESS, c"Operation now in progress"),
    (libc::EUCLEAN, c"Structure needs cleaning"),
    (libc::EDQUOT, c"Disk quota exceeded"),
    (libc::ERFKILL, c"Operation not possible due to RF-kill"),
];

/// The message of an error in glibc's words, if musl has others.
fn message(error: c_int) -> Option<&'static CStr> {
    MESSAGES.iter().find(|(number, _)| *number == error).map(|(_, message)| *message)
}

/// As in POSIX: puts the message of an error into the buffer, cut to its length.
///
/// # Safety
/// The buffer has room for `length` bytes.
// Tests of this crate have it from the other copy of this crate that they link.
#[cfg_attr(not(test), unsafe(export_name = "__xpg_strerror_r"))]
unsafe extern "C" fn strerror_r(error: c_int, buffer: *mut c_char, length: usize) -> c_int {
    // SAFETY: any number has a message, which musl keeps as constant text.
    let message = message(error).unwrap_or_else(|| unsafe { CStr::from_ptr(libc::strerror(error)) });
    let Some(room) = length.checked_sub(1) else { return libc::ERANGE };
    let count = message.count_bytes().min(room);
    // SAFETY: the message has `count` bytes, the buffer by contract one more, and they are not the same memory.
    unsafe {
        message.as_ptr().copy_to_nonoverlapping(buffer, count);
        buffer.add(count).write(0);
    }
    if count < message.count_bytes() { libc::ERANGE } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn errors_have_the_words_that_users_know() {
        for (number, words) in MESSAGES {
            let words = words.to_str().unwrap();
            assert_eq!(io::Error::from_raw_os_error(*number).to_string(), format!("{words} (os error {number})"));
        }
        // One that both word alike, and one that does not exist.
        assert!(io::Error::from_raw_os_error(libc::ENOENT).to_string().starts_with("No such file or directory"));
        assert!(!io::Error::from_raw_os_error(4095).to_string().is_empty());
    }

    #[test]
    fn a_short_buffer_gets_what_fits() {
        let mut buffer = [1; 8];
        // SAFETY: the buffer has as many bytes as is said.
        let code = unsafe { strerror_r(libc::EBUSY, buffer.as_mut_ptr(), buffer.len()) };
        assert_eq!(code, libc::ERANGE);
        // SAFETY: it was terminated.
        assert_eq!(unsafe { CStr::from_ptr(buffer.as_ptr()) }, c"Device ");
    }
}
