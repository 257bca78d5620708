//! What can go wrong, in Docker's words where clients match on them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use teu_sys::netlink;

use crate::{Protocol, Subnet};

/// What class an error is of, for the mapping to HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request makes no sense (400).
    InvalidParameter,
    /// What it names does not exist (404).
    NotFound,
    /// It is in conflict with what exists (409).
    Conflict,
    /// It is not allowed, as changing a predefined network (403).
    Forbidden,
    /// The machine failed (500).
    System,
}

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No network has this name or id.
    #[error("network {0} not found")]
    NotFound(String),
    /// There is a network of this name.
    #[error("network with name {0} already exists")]
    NameTaken(String),
    /// The predefined networks stay.
    #[error("{0} is a pre-defined network and cannot be removed")]
    Predefined(String),
    /// Containers are attached.
    #[error(
        "error while removing network: network {network} has active endpoints \
         (name:\"{container}\" id:\"{}\")", endpoint.get(..12).unwrap_or(endpoint)
    )]
    ActiveEndpoints {
        /// Name of the network.
        network: String,
        /// Name of one of the containers.
        container: String,
        /// Id of its endpoint.
        endpoint: String,
    },
    /// A subnet has bits set behind its prefix.
    #[error("invalid subnet {given}: it should be {network}")]
    HostBits {
        /// As given.
        given: Subnet,
        /// As it should be.
        network: Subnet,
    },
    /// A prefix of an id matches several networks.
    #[error("network {name} is ambiguous ({matches} matches found based on ID prefix)")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Number of matches.
        matches: usize,
    },
    /// The container is attached already.
    #[error("endpoint with name {container} already exists in network {network}")]
    AlreadyAttached {
        /// Name of the container.
        container: String,
        /// Name of the network.
        network: String,
    },
    /// Only bridges take containers that run already, or are on other networks, too.
    #[error("container cannot be disconnected from host network or connected to host network")]
    NotJoinable,
    /// The container is not on this network.
    #[error("container {container} is not connected to network {network}")]
    NotAttached {
        /// Id of the container.
        container: String,
        /// Name of the network.
        network: String,
    },
    /// Another container has published this port.
    #[error(
        "driver failed programming external connectivity on endpoint {container} ({endpoint}): \
         Bind for {host} failed: port is already allocated"
    )]
    PortAllocated {
        /// Name of the container.
        container: String,
        /// Id of the endpoint.
        endpoint: String,
        /// Host address and port.
        host: SocketAddr,
    },
    /// The host address and port cannot be bound, as a rule because a process of the host has it.
    #[error(
        "driver failed programming external connectivity on endpoint {container} ({endpoint}): \
         failed to bind host port for {host}:{target}/{protocol}: {}",
        reason(source)
    )]
    PortBind {
        /// Name of the container.
        container: String,
        /// Id of the endpoint.
        endpoint: String,
        /// Host address and port.
        host: SocketAddr,
        /// Container's address and port.
        target: SocketAddr,
        /// Transport protocol.
        protocol: Protocol,
        /// What `bind` said.
        source: io::Error,
    },
    /// No port is free in the wanted range.
    #[error(
        "driver failed programming external connectivity on endpoint {container} ({endpoint}): \
         all ports are allocated"
    )]
    PortsExhausted {
        /// Name of the container.
        container: String,
        /// Id of the endpoint.
        endpoint: String,
    },
    /// The wanted address is taken.
    #[error("Address already in use")]
    AddressInUse(IpAddr),
    /// The wanted address is not of this network.
    #[error("no configured subnet or ip-range contain the IP address {0}")]
    AddressOutside(IpAddr),
    /// An address was wanted on a network that does not take wishes.
    #[error("user specified IP address is supported on user defined networks only")]
    AddressNotAllowed,
    /// The network has no address left.
    #[error("no available IPv4 addresses on this network's address pools: {network} ({id})")]
    AddressesExhausted {
        /// Name of the network.
        network: String,
        /// Id of the network.
        id: String,
    },
    /// The network's bridge has no port left.
    #[error(
        "network {network} is full: its bridge has {ports} ports, one for each container; make another network for more"
    )]
    BridgeFull {
        /// Name of the network.
        network: String,
        /// How many ports it has.
        ports: usize,
    },
    /// No subnet of the address pools is free.
    #[error("all predefined address pools have been fully subnetted")]
    PoolsExhausted,
    /// An option has a value that makes no sense.
    #[error("failed to parse {key} value: {value}")]
    InvalidOption {
        /// Name of the option.
        key: String,
        /// What it was given.
        value: String,
    },
    /// A bridge has one subnet of each address family.
    #[error("bridge driver doesn't support multiple subnets")]
    SeveralSubnets,
    /// Another network has a bridge of this name.
    #[error("conflicts with network {network} ({id}): networks have same bridge name: {bridge}")]
    BridgeTaken {
        /// Name of the other network.
        network: String,
        /// Its id.
        id: String,
        /// Name of the device.
        bridge: String,
    },
    /// The network could not be restored at the start of the engine.
    #[error("network {network} could not be restored: {reason}; remove it and make it anew")]
    Broken {
        /// Name of the network.
        network: String,
        /// Why not.
        reason: String,
    },
    /// A setting contradicts another.
    #[error("invalid network configuration: {0}")]
    InvalidConfig(String),
    /// The subnet is in use.
    #[error("Pool overlaps with other one on this address space")]
    SubnetOverlaps(Subnet),
    /// The kernel refused something over netlink.
    #[error("{action}: {source}")]
    Netlink {
        /// What was tried, with the object's name.
        action: String,
        /// What the kernel said.
        source: netlink::Error,
    },
    /// A call to the kernel failed.
    #[error("{action}: {source}")]
    System {
        /// What was tried, with the object's name.
        action: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// The class of the error.
    pub fn kind(&self) -> Kind {
        match self {
            Error::NotFound(_) => Kind::NotFound,
            Error::Ambiguous { .. }
            | Error::AddressOutside(_)
            | Error::AddressNotAllowed
            | Error::HostBits { .. }
            | Error::InvalidOption { .. }
            | Error::InvalidConfig(_) => Kind::InvalidParameter,
            Error::AlreadyAttached { .. }
            | Error::NotJoinable
            | Error::NotAttached { .. }
            | Error::SubnetOverlaps(_)
            | Error::BridgeTaken { .. }
            | Error::SeveralSubnets
            | Error::Predefined(_)
            | Error::ActiveEndpoints { .. } => Kind::Forbidden,
            Error::AddressInUse(_) | Error::NameTaken(_) => Kind::Conflict,
            Error::PortAllocated { .. }
            | Error::PortBind { .. }
            | Error::PortsExhausted { .. }
            | Error::AddressesExhausted { .. }
            | Error::BridgeFull { .. }
            | Error::PoolsExhausted
            | Error::Broken { .. }
            | Error::Netlink { .. }
            | Error::System { .. } => Kind::System,
        }
    }
}

impl Error {
    /// Whether this is the kernel's error of that number.
    pub(crate) fn is_errno(&self, errno: rustix::io::Errno) -> bool {
        matches!(self, Error::Netlink { source, .. } if source.errno() == Some(errno))
    }
}

/// Wraps a failed call: `map_err(system("open namespace"))`.
pub(crate) fn system(action: &str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::System { action: action.to_owned(), source }
}

/// Wraps what the kernel refused: `map_err(refused("list links"))`.
pub(crate) fn refused(action: &str) -> impl FnOnce(netlink::Error) -> Error {
    move |source| Error::Netlink { action: action.to_owned(), source }
}

/// The reason in Go's wording, which clients know: lower case, without the error's number.
fn reason(error: &io::Error) -> String {
    match rustix::io::Errno::from_io_error(error) {
        Some(rustix::io::Errno::ADDRINUSE) => "address already in use".to_owned(),
        Some(rustix::io::Errno::ADDRNOTAVAIL) => "cannot assign requested address".to_owned(),
        Some(rustix::io::Errno::ACCESS) => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
