//! Addresses of receivers: `scheme://host:port` or `unix:///path`.

use std::path::PathBuf;

use super::Reason;

/// Where a receiver listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Udp { host: String, port: u16 },
    Tcp { host: String, port: u16 },
    Tls { host: String, port: u16 },
    Unix(PathBuf),
    UnixDatagram(PathBuf),
}

/// A URL in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    /// Without brackets.
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
    /// With its slash, or empty.
    pub(super) path: &'a str,
}

/// Takes an address apart, with Go's words for what is wrong.
pub(super) fn split(address: &str) -> Result<Parts<'_>, Reason> {
    let wrong = |what: &str| format!("parse {address:?}: {what}");
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    if address.starts_with("://") {
        return Err(wrong("missing protocol scheme"));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, after) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or_else(|| wrong("missing ']' in host"))?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match after {
        "" => None,
        _ => Some(after.strip_prefix(':').ok_or_else(|| wrong(&format!("invalid port {after:?} after host")))?),
    };
    if port.is_some_and(|port| !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err(wrong(&format!("invalid port {after:?} after host")));
    }
    Ok(Parts { scheme, host, port: port.filter(|port| !port.is_empty()), path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |scheme, host, port, path| Parts { scheme, host, port, path };
        assert_eq!(split("udp://1.2.3.4:514"), Ok(parts("udp", "1.2.3.4", Some("514"), "")));
        assert_eq!(split("tcp://[::1]:1/x"), Ok(parts("tcp", "::1", Some("1"), "/x")));
        assert_eq!(split("unix:///run/x"), Ok(parts("unix", "", None, "/run/x")));
        assert_eq!(split("host"), Ok(parts("", "host", None, "")));
        assert_eq!(split("tcp://[::1").unwrap_err(), "parse \"tcp://[::1\": missing ']' in host");
        assert_eq!(split("tcp://a:x").unwrap_err(), "parse \"tcp://a:x\": invalid port \":x\" after host");
    }
}
