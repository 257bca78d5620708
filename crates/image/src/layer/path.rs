//! Names of entries, made safe: components below the root of the layer, and what whiteout names mean.

use super::{LayerError, Limits};

/// Prefix of the names that hide another (OCI image specification, `layer.md`, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// Prefix of the names that AUFS kept for itself; all but the opaque marker are ignored, as Docker does.
const WHITEOUT_META: &[u8] = b".wh..wh.";
/// The name that makes its directory opaque.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Longest component (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// What an entry's name asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The root itself.
    Root,
    /// Something of this name in this directory.
    Name(Vec<&'a [u8]>, &'a [u8]),
    /// Hide this name in this directory.
    Whiteout(Vec<&'a [u8]>, &'a [u8]),
    /// Hide all that lower layers have in this directory.
    Opaque(Vec<&'a [u8]>),
    /// Nothing.
    Ignored,
}

/// Cleans a path as if it were looked up from the root: a leading slash, empty components and `.` fall away, `..` goes back.
pub(crate) fn components<'a>(path: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, LayerError> {
    let refuse = |reason: &str| LayerError::Entry { path: printable(path), reason: reason.to_owned() };
    if path.len() > limits.path_len {
        return Err(LayerError::Limit { what: "length of a name", limit: limits.path_len as u64 });
    }
    if path.contains(&0) {
        return Err(refuse("name contains a NUL"));
    }
    let mut components = Vec::new();
    for component in path.split(|b| *b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop().ok_or_else(|| refuse("name leads out of the root"))?;
            }
            _ if component.len() > NAME_MAX => return Err(refuse("a component is longer than 255 bytes")),
            _ => components.push(component),
        }
        if components.len() > limits.depth {
            return Err(LayerError::Limit { what: "depth of a path", limit: limits.depth as u64 });
        }
    }
    Ok(components)
}

/// What an entry's name asks for.
pub(crate) fn target<'a>(path: &'a [u8], limits: &Limits) -> Result<Target<'a>, LayerError> {
    let mut components = components(path, limits)?;
    let hidden = |parent: &[u8]| parent.starts_with(WHITEOUT);
    let Some(name) = components.pop() else { return Ok(Target::Root) };
    if components.iter().any(|parent| hidden(parent)) {
        // Below an AUFS directory (`.wh..wh.plnk/…`).
        return Ok(Target::Ignored);
    }
    if name == OPAQUE {
        return Ok(Target::Opaque(components));
    }
    if name.starts_with(WHITEOUT_META) {
        return Ok(Target::Ignored);
    }
    match name.strip_prefix(WHITEOUT) {
        Some(b"" | b"." | b"..") => {
            Err(LayerError::Entry { path: printable(path), reason: "whiteout of no name".to_owned() })
        }
        Some(name) => Ok(Target::Whiteout(components, name)),
        None => Ok(Target::Name(components, name)),
    }
}

/// A stranger's path for a message: control characters and what is not UTF-8 escaped, not too long.
pub(crate) fn printable(path: &[u8]) -> String {
    const SHOWN: usize = 200;
    let mut text: String =
        path.iter().take(SHOWN).flat_map(|b| std::ascii::escape_default(*b)).map(char::from).collect();
    if path.len() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<Target<'_>, LayerError> {
        target(path.as_bytes(), &Limits::default())
    }

    #[test]
    fn cleaned() {
        for path in ["a/b", "/a/b", "./a//./b", "a/x/../b/", "a/b/."] {
            assert_eq!(of(path).unwrap(), Target::Name(vec![b"a"], b"b"), "{path}");
        }
        for path in ["", "/", ".", "./", "a/.."] {
            assert_eq!(of(path).unwrap(), Target::Root, "{path}");
        }
    }

    #[test]
    fn whiteouts() {
        assert_eq!(of("a/.wh.b").unwrap(), Target::Whiteout(vec![b"a"], b"b"));
        assert_eq!(of("a/.wh..wh..opq").unwrap(), Target::Opaque(vec![b"a"]));
        assert_eq!(of(".wh..wh..opq").unwrap(), Target::Opaque(vec![]));
        for path in [".wh..wh.aufs", ".wh..wh.plnk/1.2", ".wh.x/y"] {
            assert_eq!(of(path).unwrap(), Target::Ignored, "{path}");
        }
        for path in ["a/.wh.", "a/.wh..", "a/.wh..."] {
            assert!(of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn refused() {
        let long = "x".repeat(256);
        let far = "d/".repeat(600);
        let longest = "x/".repeat(2100);
        for path in ["..", "../a", "a/../../b", "/..", "a\0b", &long, &far, &longest] {
            assert!(of(path).is_err(), "{path}");
        }
    }
}
