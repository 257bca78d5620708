//! Addresses the daemon listens on: `--host`.

use std::fmt;
use std::path::PathBuf;

/// Port of plain TCP, and of TLS.
const PORTS: (u16, u16) = (2375, 2376);

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// A unix socket.
    Unix(PathBuf),
    /// TCP on a host name or address; an empty one means loopback, as in Docker.
    Tcp { host: String, port: u16 },
    /// Sockets passed by the service manager: all of them, or those of a name or number.
    Activated(Option<String>),
}

/// Reads an address as Docker does. `default` is what `unix://` without a path means.
pub(crate) fn parse_host(text: &str, tls: bool, default: &Host) -> Result<Host, String> {
    let invalid = |reason: &str| format!("invalid bind address ({text}): {reason}");
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(default.clone());
    }
    match trimmed.split_once("://") {
        Some(("unix", "")) => Ok(default.clone()),
        Some(("unix", path)) => Ok(Host::Unix(PathBuf::from(path))),
        Some(("fd", "" | "*")) => Ok(Host::Activated(None)),
        Some(("fd", name)) => Ok(Host::Activated(Some(name.to_owned()))),
        Some(("tcp", address)) => tcp(address, tls).map_err(|reason| invalid(&reason)),
        Some((scheme, _)) => Err(invalid(&format!("unsupported proto '{scheme}'"))),
        None => tcp(trimmed, tls).map_err(|reason| invalid(&reason)),
    }
}

fn tcp(address: &str, tls: bool) -> Result<Host, String> {
    let address = address.trim_end_matches('/');
    if address.contains('/') {
        return Err("should not contain a path element".to_owned());
    }
    let default = if tls { PORTS.1 } else { PORTS.0 };
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("missing ']' in host")?;
            if host.contains('[') {
                return Err("unexpected '[' in host".to_owned());
            }
            match rest.strip_prefix(':') {
                None if !rest.is_empty() => return Err(format!("invalid port \"{rest}\" after host")),
                port => (host, port.unwrap_or_default()),
            }
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let port = match port {
        "" => default,
        port => port.parse().map_err(|_| format!("invalid port \":{port}\" after host"))?,
    };
    Ok(Host::Tcp { host: if host.is_empty() { "127.0.0.1".to_owned() } else { host.to_owned() }, port })
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Activated(name) => write!(f, "fd://{}", name.as_deref().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_docker_reads_them() {
        let default = Host::Unix("/run/d.sock".into());
        let shown = |text, tls| parse_host(text, tls, &default).map(|host| host.to_string());
        for (text, expected) in [
            ("unix://", "unix:///run/d.sock"),
            ("", "unix:///run/d.sock"),
            ("unix:///a", "unix:///a"),
            ("tcp://", "tcp://127.0.0.1:2375"),
            ("tcp://0.0.0.0:99", "tcp://0.0.0.0:99"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
            ("127.0.0.1:4", "tcp://127.0.0.1:4"),
            ("fd://", "fd://"),
            ("fd://*", "fd://"),
            ("fd://api", "fd://api"),
        ] {
            assert_eq!(shown(text, false).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(shown("tcp://h", true).as_deref(), Ok("tcp://h:2376"));
        assert_eq!(shown("foo://x", false).unwrap_err(), "invalid bind address (foo://x): unsupported proto 'foo'");
        for bad in ["tcp://:x", "tcp://[::1]2375", "tcp://[[::1]:2375"] {
            assert!(shown(bad, false).is_err(), "{bad}");
        }
    }
}
