//! Networks as they are stored and shown.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{MacAddress, Subnet};

/// Kinds of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// A Linux bridge with address translation.
    Bridge,
    /// The host's own namespace.
    Host,
    /// A namespace with a loopback interface only; Docker calls the driver `null`.
    Null,
    /// The namespace of another container.
    Container,
}

impl fmt::Display for DriverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DriverKind::Bridge => "bridge",
            DriverKind::Host => "host",
            DriverKind::Null => "null",
            DriverKind::Container => "container",
        })
    }
}

/// A network's stored form. The caller persists what [`Networks::records`](crate::Networks::records) returns
/// and hands it to [`Networks::open`](crate::Networks::open), so that ids and subnets outlive a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unique name.
    pub name: String,
    /// Kind.
    pub driver: DriverKind,
    /// Creation time, nanoseconds since 1970.
    pub created: i64,
    /// Whether it has IPv4.
    #[serde(default = "yes")]
    pub enable_ipv4: bool,
    /// Whether it has IPv6.
    pub enable_ipv6: bool,
    /// Whether it has no way to the outside.
    pub internal: bool,
    /// What Docker's cluster makes of it; here it is only told.
    #[serde(default)]
    pub attachable: bool,
    /// Subnets, IPv4 first.
    pub ipam: Vec<IpamSubnet>,
    /// Options of address management, which has none: they are only told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// Driver options, `com.docker.network.bridge.*` and `com.docker.network.driver.mtu`.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

/// A row of `IPAM.Config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpamSubnet {
    /// The subnet, host bits zero.
    pub subnet: Subnet,
    /// Part of it that endpoints are given addresses from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Subnet>,
    /// The containers' gateway; the bridge itself as a rule, which has the subnet's first address if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// The bridge's own address if that is not the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<IpAddr>,
    /// Addresses that are in use by others, by name: nobody is given them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// Whether it was taken from the address pools: containers cannot wish for addresses, since nobody knows which there
    /// will be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen: bool,
}

impl IpamSubnet {
    /// A subnet about which nothing else is said.
    pub fn of(subnet: Subnet) -> IpamSubnet {
        IpamSubnet { subnet, range: None, gateway: None, bridge: None, auxiliary: BTreeMap::new(), chosen: false }
    }
}

/// What `network inspect` shows. Scope is always `local`, the IPAM driver `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInfo {
    /// The stored part.
    pub record: NetworkRecord,
    /// Attached containers, by id.
    pub containers: Vec<EndpointInfo>,
}

/// A row of `Containers` in `network inspect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointInfo {
    /// Id of the container.
    pub container: String,
    /// Name of the container.
    pub name: String,
    /// Id of the endpoint.
    pub endpoint: String,
    /// Ethernet address.
    pub mac: Option<MacAddress>,
    /// IPv4 address.
    pub ipv4: Option<Subnet>,
    /// IPv6 address.
    pub ipv6: Option<Subnet>,
}

/// Names of driver options, Docker's.
pub mod option {
    /// Name of the bridge device.
    pub const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
    /// Whether containers may talk to each other.
    pub const ICC: &str = "com.docker.network.bridge.enable_icc";
    /// Whether what leaves the host is masqueraded.
    pub const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
    /// Whether this is the default bridge.
    pub const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
    /// Host address that ports are published on.
    pub const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
    /// Maximum transmission unit, bytes.
    pub const MTU: &str = "com.docker.network.driver.mtu";
}
