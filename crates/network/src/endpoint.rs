//! A container's place in a network.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use teu_oci::runtime::IdMaps;

use crate::dns::ResolverConfig;
use crate::leases::Lease;
use crate::{DriverKind, MacAddress, NetworkRecord, PortBinding, PortRequest, Subnet};

/// What a container is attached to.
#[derive(Debug)]
pub enum Target {
    /// A network by name, id or unambiguous prefix of an id: `bridge`, `host`, `none`, or user-defined.
    Network(String),
    /// The namespace of another container (`container:<id>`): an open descriptor of it, for instance of
    /// `/proc/<pid>/ns/net`.
    Namespace(OwnedFd),
}

/// What a container is on a network, beside its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Of several networks that of the highest priority has the default route and the published ports; of equal ones the
    /// first by name.
    pub priority: i64,
    /// Names that others on the network find it by, its own first.
    pub names: Vec<String>,
    /// Names that it alone has for others: alias, and their name.
    pub links: Vec<(String, String)>,
}

/// A network to join, and how.
#[derive(Clone, Debug, Default)]
pub struct Join {
    /// Name, id or unambiguous prefix of an id.
    pub network: String,
    /// Wanted IPv4 address.
    pub ipv4: Option<IpAddr>,
    /// Wanted IPv6 address.
    pub ipv6: Option<IpAddr>,
    /// Wanted Ethernet address.
    pub mac: Option<MacAddress>,
    /// Link-local addresses that it has beside its own.
    pub link_local: Vec<IpAddr>,
    /// What it is there.
    pub membership: Membership,
}

/// Request to attach one container.
#[derive(Debug)]
pub struct AttachRequest {
    /// Full id of the container.
    pub container: String,
    /// Name of the container without a slash; appears in errors and in `network inspect`.
    pub name: String,
    /// Where to.
    pub target: Target,
    /// Ports to publish (host and none ignore them, as Docker does).
    pub ports: Vec<PortRequest>,
    /// Wanted IPv4 address.
    pub ipv4: Option<IpAddr>,
    /// Wanted IPv6 address.
    pub ipv6: Option<IpAddr>,
    /// Wanted Ethernet address.
    pub mac: Option<MacAddress>,
    /// Link-local addresses that it has beside its own.
    pub link_local: Vec<IpAddr>,
    /// What it is on the network.
    pub membership: Membership,
    /// Further networks, if the first is a bridge.
    pub others: Vec<Join>,
    /// Whom its name server asks, if it is on a network with names.
    pub resolver: ResolverConfig,
    /// Maps of the user namespace that the container has; none for the host's.
    pub ids: Option<Arc<IdMaps>>,
}

impl AttachRequest {
    /// A request without ports and wishes.
    pub fn new(container: impl Into<String>, name: impl Into<String>, target: Target) -> AttachRequest {
        AttachRequest {
            container: container.into(),
            name: name.into(),
            target,
            ports: Vec::new(),
            ipv4: None,
            ipv6: None,
            mac: None,
            link_local: Vec::new(),
            membership: Membership::default(),
            others: Vec::new(),
            resolver: ResolverConfig::default(),
            ids: None,
        }
    }
}

/// A network namespace made ready for a container.
#[derive(Debug)]
pub struct Sandbox {
    /// The namespace to start the container in; `None` for `host`: stay in the engine's own.
    pub netns: Option<OwnedFd>,
    /// The user namespace that this one belongs to, if the request asked for one.
    pub user: Option<OwnedFd>,
    /// A sysfs of the namespace that was made ahead of time, if there is one, to be mounted (`teu_sys::mount::mount_context`).
    pub sysfs: Option<OwnedFd>,
    /// What the container was given; the caller persists it with the container while it runs.
    pub endpoint: Endpoint,
    /// The same of further networks, in the order asked for.
    pub others: Vec<Endpoint>,
}

/// A container's place in a network. Persisted by the caller and handed back to
/// [`Networks::adopt`](crate::Networks::adopt) after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// 64 hexadecimal digits; empty for a shared namespace.
    pub id: String,
    /// Id of the network; empty for a shared namespace.
    pub network_id: String,
    /// Name of the network; empty for a shared namespace.
    pub network: String,
    /// Kind of the network.
    pub driver: DriverKind,
    /// Interface name inside the namespace, `eth0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Interface name of the host's end of the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_interface: Option<String>,
    /// Ethernet address inside the namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// IPv4 address with the subnet's prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Subnet>,
    /// IPv4 gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// IPv6 address with the subnet's prefix length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Subnet>,
    /// IPv6 gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway6: Option<IpAddr>,
    /// Published ports, in the order asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortBinding>,
}

impl Endpoint {
    /// An endpoint of no network.
    pub(crate) fn unattached(driver: DriverKind) -> Endpoint {
        Endpoint {
            id: String::new(),
            network_id: String::new(),
            network: String::new(),
            driver,
            interface: None,
            host_interface: None,
            mac: None,
            ipv4: None,
            gateway: None,
            ipv6: None,
            gateway6: None,
            ports: Vec::new(),
        }
    }

    /// An endpoint of this network, without id, link and addresses.
    pub(crate) fn blank(driver: DriverKind, network: &NetworkRecord) -> Endpoint {
        Endpoint { network_id: network.id.clone(), network: network.name.clone(), ..Endpoint::unattached(driver) }
    }

    /// Its addresses.
    pub(crate) fn lease(&self) -> Lease {
        Lease { ipv4: self.ipv4, ipv6: self.ipv6 }
    }
}

/// A container that runs, as the engine's records say.
#[derive(Clone, Debug)]
pub struct LiveContainer {
    /// Full id.
    pub id: String,
    /// Name without a slash.
    pub name: String,
    /// Its endpoints, each with what it is on that network.
    pub endpoints: Vec<(Endpoint, Membership)>,
    /// Ports that it wants published.
    pub ports: Vec<PortRequest>,
    /// Its namespace, and whom its name server asks.
    pub resolver: Option<(Arc<OwnedFd>, ResolverConfig)>,
}

impl LiveContainer {
    /// A container about which nothing else is said.
    pub fn new(id: impl Into<String>, name: impl Into<String>, endpoints: Vec<Endpoint>) -> LiveContainer {
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint, Membership::default())).collect();
        LiveContainer { id: id.into(), name: name.into(), endpoints, ports: Vec::new(), resolver: None }
    }
}
