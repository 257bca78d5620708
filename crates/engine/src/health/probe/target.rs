//! Where a probe goes: an address in a container's network, reached from inside of it.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use teu_sys::netns;
use tokio::net::{TcpSocket, TcpStream};

/// An address as the container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// None is the loopback interface, in both protocols.
    host: Option<IpAddr>,
    port: u16,
}

impl Target {
    /// Reads `8080`, `:8080`, `localhost:8080`, `10.0.0.1:8080`, `[::1]:8080`.
    pub(super) fn parse(text: &str) -> Option<Target> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
        Some(Target { host: read_host(host)?, port: port.parse().ok().filter(|port| *port > 0)? })
    }

    /// Reads `http://localhost:8080/path`; without a port it is 80, without a path it is `/`.
    pub(super) fn with_path(url: &str) -> Option<(Target, String)> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return None,
            None => url,
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let target = Target::parse(authority).or_else(|| Some(Target { host: read_host(authority)?, port: 80 }))?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        // Fragments stay with who asks; what is no address at all is refused before it is sent.
        let path = format!("{slash}{}", path.split('#').next().unwrap_or(path));
        path.parse::<hyper::Uri>().ok()?;
        Some((target, path))
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let hosts = match self.host {
            Some(host) => vec![host],
            None => vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        hosts.into_iter().map(|host| SocketAddr::new(host, self.port)).collect()
    }
}

fn read_host(text: &str) -> Option<Option<IpAddr>> {
    match text {
        "" | "localhost" => Some(None),
        text => {
            let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
            match bare {
                Some(v6) => v6.parse().ok().map(|ip: Ipv6Addr| Some(ip.into())),
                None => text.parse().ok().map(|ip: Ipv4Addr| Some(ip.into())),
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            None => write!(f, "localhost:{}", self.port),
            Some(host) => SocketAddr::new(host, self.port).fmt(f),
        }
    }
}

/// A network namespace to speak from.
#[derive(Debug, Clone)]
pub(super) struct Namespace(Arc<OwnedFd>);

impl Namespace {
    /// That of a process.
    pub(super) fn of(pid: i32) -> io::Result<Namespace> {
        netns::of_process(pid).map(|fd| Namespace(Arc::new(fd)))
    }

    /// Connects from inside. A socket stays in the namespace it was made in: only its making needs a thread in there.
    pub(super) async fn connect(&self, target: &Target) -> io::Result<TcpStream> {
        let addresses = target.addresses();
        let (namespace, wanted) = (Arc::clone(&self.0), addresses.clone());
        let make = move || netns::run_in(namespace.as_fd(), || Ok(sockets(&wanted)));
        let sockets = tokio::task::spawn_blocking(make).await.map_err(io::Error::other)??;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (address, socket) in addresses.into_iter().zip(sockets) {
            // A namespace without IPv6 has no such sockets.
            let connected = match socket {
                Ok(socket) => TcpSocket::from_std_stream(socket.into()).connect(address).await,
                Err(error) => Err(error),
            };
            match connected {
                Ok(stream) => return Ok(stream),
                // Of two protocols the first one's reason is told.
                Err(error) if last.kind() == io::ErrorKind::AddrNotAvailable => last = error,
                Err(_) => {}
            }
        }
        Err(io::Error::new(last.kind(), format!("{target}: {last}")))
    }
}

fn sockets(addresses: &[SocketAddr]) -> Vec<io::Result<OwnedFd>> {
    let one = |address: &SocketAddr| {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        Ok(socket_with(family, SocketType::STREAM, flags, None)?)
    };
    addresses.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("80", "localhost:80"),
            (":80", "localhost:80"),
            ("localhost:80", "localhost:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(Target::parse(text).expect(text).to_string(), shown);
        }
        for bad in ["", "web:80", "0", "65536", "localhost", "::1", "10.0.0.1"] {
            assert!(Target::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn urls() {
        for (text, shown, path) in [
            ("http://localhost:8080/healthz", "localhost:8080", "/healthz"),
            ("http://localhost", "localhost:80", "/"),
            ("http://10.0.0.1/a?b=c#d", "10.0.0.1:80", "/a?b=c"),
            ("8080/up", "localhost:8080", "/up"),
            (":8080?x", "localhost:8080", "/?x"),
            ("http://[::1]:9/", "[::1]:9", "/"),
        ] {
            let (target, found) = Target::with_path(text).expect(text);
            assert_eq!((target.to_string().as_str(), found.as_str()), (shown, path));
        }
        for bad in ["https://localhost/", "http://web/", "ftp://localhost", "http://localhost/a b"] {
            assert!(Target::with_path(bad).is_none(), "{bad}");
        }
    }
}
