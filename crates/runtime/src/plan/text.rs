//! Conversion of configuration text to what system calls take.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::Error;

/// A C string; text with a NUL byte inside is refused, naming what it is.
pub(crate) fn c_string(text: impl AsRef<[u8]>, what: &str) -> Result<CString, Error> {
    CString::new(text.as_ref()).map_err(|_| Error::InvalidSpec(format!("{what} contains a NUL byte")))
}

/// A path as a C string.
pub(crate) fn c_path(path: &Path) -> Result<CString, Error> {
    c_string(path.as_os_str().as_bytes(), "a path")
}

/// A path in the container, relative to its root. `..` is left for the kernel, which resolves it in the root.
pub(crate) fn in_root(path: &Path) -> Result<CString, Error> {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().position(|b| *b != b'/').unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|b| *b != b'/').map_or(start, |i| i + 1);
    if end <= start { Ok(c".".into()) } else { c_string(&bytes[start..end], "a path") }
}

/// The caller's environment.
pub(crate) fn inherited_environment() -> Result<Vec<CString>, Error> {
    std::env::vars_os()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(name.as_bytes(), "an environment variable")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative_to_the_root() {
        assert_eq!(in_root(Path::new("/proc/sys/")).unwrap(), c"proc/sys".to_owned());
        assert_eq!(in_root(Path::new("//")).unwrap(), c".".to_owned());
        assert_eq!(in_root(Path::new("a")).unwrap(), c"a".to_owned());
        assert!(in_root(Path::new("a\0b")).is_err());
    }
}
