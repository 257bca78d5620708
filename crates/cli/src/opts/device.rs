//! `--device` and `--device-cgroup-rule`.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use teu_api::container::DeviceMapping;

/// One `--device`: a file of the host, or the qualified name of a CDI device (`vendor/class=name`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// A device node.
    Node(DeviceMapping),
    /// A device that a CDI specification describes.
    Cdi(String),
}

/// Parses `host[:container][:permissions]` or a CDI name. A link on the host is resolved.
pub(crate) fn parse(text: &str) -> anyhow::Result<Request> {
    if is_cdi(text) {
        return Ok(Request::Cdi(text.to_owned()));
    }
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [source] if !source.is_empty() => (source, source, "rwm"),
        [source, mode] if is_mode(mode) => (source, source, mode),
        [source, target] if !target.is_empty() => (source, target, "rwm"),
        [source, _] => (source, source, "rwm"),
        [source, target, mode] => (source, target, mode),
        _ => bail!("bad format for path: {text}"),
    };
    if !is_mode(mode) || !target.starts_with('/') {
        bail!("bad mode specified: {}", if is_mode(mode) { target } else { mode });
    }
    let source = resolve(source)?;
    Ok(Request::Node(DeviceMapping {
        path_on_host: source.to_string_lossy().into_owned(),
        path_in_container: target.to_owned(),
        cgroup_permissions: mode.to_owned(),
    }))
}

/// A rule for the device controller: `a|b|c major:minor rwm`, numbers or `*`.
pub(crate) fn cgroup_rule(text: &str) -> anyhow::Result<String> {
    let number = |part: &str| part == "*" || (!part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let valid = || {
        let mut words = text.split(' ');
        let kind = words.next()?;
        let (major, minor) = words.next()?.split_once(':')?;
        let mode = words.next()?;
        let rest = words.next();
        (matches!(kind, "a" | "b" | "c")
            && number(major)
            && number(minor)
            && (1..=3).contains(&mode.len())
            && mode.bytes().all(|b| b"rwm".contains(&b))
            && rest.is_none())
        .then_some(())
    };
    valid().ok_or_else(|| anyhow!("invalid device cgroup format '{text}'"))?;
    Ok(text.to_owned())
}

fn is_mode(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 3
        && text.bytes().enumerate().all(|(i, b)| b"rwm".contains(&b) && !text.as_bytes()[..i].contains(&b))
}

/// `vendor/class=name`, with a vendor that begins like a domain name and no absolute path.
fn is_cdi(text: &str) -> bool {
    let Some((kind, name)) = text.split_once('=') else { return false };
    let Some((vendor, class)) = kind.split_once('/') else { return false };
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphanumeric())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'))
    };
    word(vendor) && word(class) && word(name)
}

/// The target of a symbolic link; anything else stays as it is.
fn resolve(source: &str) -> anyhow::Result<PathBuf> {
    let path = Path::new(source);
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            Ok(std::fs::canonicalize(path).map_err(|error| crate::error::go_io("lstat", source, &error))?)
        }
        _ => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(on_host: &str, in_container: &str, permissions: &str) -> Request {
        Request::Node(DeviceMapping {
            path_on_host: on_host.into(),
            path_in_container: in_container.into(),
            cgroup_permissions: permissions.into(),
        })
    }

    #[test]
    fn forms() {
        assert_eq!(parse("/dev/null").unwrap(), node("/dev/null", "/dev/null", "rwm"));
        assert_eq!(parse("/dev/null:r").unwrap(), node("/dev/null", "/dev/null", "r"));
        assert_eq!(parse("/dev/null:/dev/x").unwrap(), node("/dev/null", "/dev/x", "rwm"));
        assert_eq!(parse("/dev/null:/dev/x:rw").unwrap(), node("/dev/null", "/dev/x", "rw"));
        assert_eq!(parse("vendor.com/gpu=all").unwrap(), Request::Cdi("vendor.com/gpu=all".into()));
        assert_eq!(parse("/dev/x:/y:zz").unwrap_err().to_string(), "bad mode specified: zz");
        assert_eq!(parse("/a:/b:r:x").unwrap_err().to_string(), "bad format for path: /a:/b:r:x");
    }

    #[test]
    fn rules() {
        assert!(cgroup_rule("c 1:3 rwm").is_ok());
        assert!(cgroup_rule("a *:* m").is_ok());
        assert_eq!(cgroup_rule("x").unwrap_err().to_string(), "invalid device cgroup format 'x'");
        assert!(cgroup_rule("c 1:3 rwx").is_err());
    }
}
