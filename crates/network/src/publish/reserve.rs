//! Reserving a host port: a bound socket keeps every other process from taking it.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt};

use crate::{PortBinding, Protocol};

/// Connections that wait to be accepted, where the proxy accepts (`net.core.somaxconn` cuts it).
const BACKLOG: i32 = 4096;

/// A socket bound to the host address and port; for TCP it listens, since a bound socket that does not listen lets
/// others bind beside it. `None` for SCTP where the kernel has no such sockets.
pub(super) fn reserve(binding: &PortBinding) -> io::Result<Option<OwnedFd>> {
    let family = if binding.host_ip.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let (kind, protocol) = match binding.protocol {
        Protocol::Tcp => (SocketType::STREAM, ipproto::TCP),
        Protocol::Udp => (SocketType::DGRAM, ipproto::UDP),
        Protocol::Sctp => (SocketType::STREAM, ipproto::SCTP),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = match socket_with(family, kind, flags, Some(protocol)) {
        Err(Errno::PROTONOSUPPORT | Errno::SOCKTNOSUPPORT) if binding.protocol == Protocol::Sctp => return Ok(None),
        other => other?,
    };
    if binding.host_ip.is_ipv6() {
        // 0.0.0.0 has a socket of its own.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if binding.protocol == Protocol::Tcp {
        // Connections of an earlier holder in TIME_WAIT are no obstacle.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &binding.host())?;
    if binding.protocol != Protocol::Udp {
        listen(&socket, BACKLOG)?;
    }
    Ok(Some(socket))
}

/// Whether the host lacks the address family.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(protocol: Protocol, port: u16) -> PortBinding {
        PortBinding { container_port: 80, protocol, host_ip: [127, 0, 0, 1].into(), host_port: port }
    }

    #[test]
    fn nobody_else_gets_it() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = reserve(&binding(Protocol::Tcp, port)).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::ADDRINUSE));
        drop(taken);
        let reserved = reserve(&binding(Protocol::Tcp, port)).unwrap();
        assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_err());
        drop(reserved);
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(reserve(&binding(Protocol::Udp, udp.local_addr().unwrap().port())).is_err());
    }
}
