//! Published ports: what is asked for and what came of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport protocols that can be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Transmission control protocol.
    #[default]
    Tcp,
    /// User datagram protocol.
    Udp,
    /// Stream control transmission protocol.
    Sctp,
}

impl Protocol {
    /// The IP protocol number (IANA).
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

/// The text names no protocol that can be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid proto: {0}")]
pub struct InvalidProtocol(String);

impl FromStr for Protocol {
    type Err = InvalidProtocol;

    fn from_str(text: &str) -> Result<Protocol, InvalidProtocol> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            "sctp" => Ok(Protocol::Sctp),
            _ => Err(InvalidProtocol(text.to_owned())),
        }
    }
}

/// The host ports that a request accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostPorts {
    /// Any free port of `net.ipv4.ip_local_port_range`.
    #[default]
    Any,
    /// Exactly this one.
    One(u16),
    /// The first free one of an inclusive range.
    Range(u16, u16),
}

/// One port to publish: a row of `HostConfig.PortBindings`. Ranges on both sides (`-p 80-89:80-89`) arrive
/// as one request per pair, as Docker's command line sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRequest {
    /// Port inside the container.
    pub container_port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Host address to publish on; `None` means the engine's default, all addresses of both families.
    pub host_ip: Option<IpAddr>,
    /// Host port wanted.
    pub host_ports: HostPorts,
}

/// One published port: a row of `NetworkSettings.Ports`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortBinding {
    /// Port inside the container.
    pub container_port: u16,
    /// Transport protocol.
    pub protocol: Protocol,
    /// Host address; a request without one gives two bindings, `0.0.0.0` and `::`.
    pub host_ip: IpAddr,
    /// Host port.
    pub host_port: u16,
}

impl PortBinding {
    /// Host address and port together.
    pub fn host(&self) -> SocketAddr {
        SocketAddr::new(self.host_ip, self.host_port)
    }
}
