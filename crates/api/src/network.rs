//! Networks, and the endpoints that connect containers to them.

use crate::json::is_zero;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Networks a new container is connected to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkingConfig {
    /// Endpoints by network name; `null` for one with defaults.
    pub endpoints_config: Option<BTreeMap<String, Option<EndpointSettings>>>,
}

/// A container's connection to a network: what was asked for and what was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointSettings {
    /// Addresses asked for.
    #[serde(rename = "IPAMConfig")]
    pub ipam_config: Option<EndpointIpamConfig>,
    /// Legacy links, `name:alias`.
    pub links: Option<Vec<String>>,
    /// Further names in the network's DNS.
    pub aliases: Option<Vec<String>>,
    /// Hardware address.
    pub mac_address: String,
    /// Options of the driver.
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Which network gives the default route: the highest wins. Not told before 1.48.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gw_priority: Option<i64>,
    /// Id of the network.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// Id of the endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// IPv4 gateway.
    pub gateway: String,
    /// IPv4 address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Prefix length of the IPv4 address.
    #[serde(rename = "IPPrefixLen")]
    pub ip_prefix_len: i64,
    /// IPv6 gateway.
    #[serde(rename = "IPv6Gateway")]
    pub ipv6_gateway: String,
    /// IPv6 address.
    #[serde(rename = "GlobalIPv6Address")]
    pub global_ipv6_address: String,
    /// Prefix length of the IPv6 address.
    #[serde(rename = "GlobalIPv6PrefixLen")]
    pub global_ipv6_prefix_len: i64,
    /// All names in the network's DNS.
    #[serde(rename = "DNSNames")]
    pub dns_names: Option<Vec<String>>,
}

/// Addresses asked for an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct EndpointIpamConfig {
    /// IPv4 address.
    #[serde(rename = "IPv4Address", skip_serializing_if = "is_zero")]
    pub ipv4_address: String,
    /// IPv6 address.
    #[serde(rename = "IPv6Address", skip_serializing_if = "is_zero")]
    pub ipv6_address: String,
    /// Link-local addresses.
    #[serde(rename = "LinkLocalIPs", skip_serializing_if = "Option::is_none")]
    pub link_local_ips: Option<Vec<String>>,
}

/// A network, as listed and inspected.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Network {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// Time of creation, RFC 3339.
    pub created: String,
    /// `local`, `swarm` or `global`.
    pub scope: String,
    /// Driver.
    pub driver: String,
    /// IPv4 addresses are given out; before 1.48 they always were, and nothing was said.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// IPv6 addresses are given out.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Address management.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// No way out.
    pub internal: bool,
    /// Containers may connect by hand to a network of the cluster.
    pub attachable: bool,
    /// The cluster's routing mesh.
    pub ingress: bool,
    /// Network whose configuration is used.
    pub config_from: ConfigReference,
    /// Only a configuration for others.
    pub config_only: bool,
    /// Running containers by id; empty in a list.
    pub containers: BTreeMap<String, NetworkContainer>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// User-defined labels.
    pub labels: BTreeMap<String, String>,
}

/// Network whose configuration is used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConfigReference {
    /// Its name.
    pub network: String,
}

/// Address management of a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Ipam {
    /// Driver, `default`.
    pub driver: String,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
    /// Address ranges.
    pub config: Option<Vec<IpamConfig>>,
}

/// An address range.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct IpamConfig {
    /// Subnet, `172.17.0.0/16`.
    #[serde(skip_serializing_if = "is_zero")]
    pub subnet: String,
    /// Part of the subnet from which addresses are given out.
    #[serde(rename = "IPRange", skip_serializing_if = "is_zero")]
    pub ip_range: String,
    /// Gateway.
    #[serde(skip_serializing_if = "is_zero")]
    pub gateway: String,
    /// Addresses in use by others, by name.
    #[serde(rename = "AuxiliaryAddresses", skip_serializing_if = "Option::is_none")]
    pub auxiliary_addresses: Option<BTreeMap<String, String>>,
}

/// A container of an inspected network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkContainer {
    /// Name of the container.
    pub name: String,
    /// Id of the endpoint.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Hardware address.
    pub mac_address: String,
    /// Address with prefix length.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Address with prefix length.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}

/// A network to make.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateRequest {
    /// Its name.
    pub name: String,
    /// Docker looks for others of this name in any case.
    #[serde(skip_serializing_if = "is_zero")]
    pub check_duplicate: bool,
    /// Its driver, `bridge` if empty.
    pub driver: String,
    /// `local`, or what a cluster has.
    pub scope: String,
    /// Give out IPv4 addresses; yes if nothing is said.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// Give out IPv6 addresses.
    #[serde(rename = "EnableIPv6", skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// Address management.
    #[serde(rename = "IPAM")]
    pub ipam: Option<Ipam>,
    /// No way out.
    pub internal: bool,
    /// Containers may connect by hand to a network of the cluster.
    pub attachable: bool,
    /// The cluster's routing mesh.
    pub ingress: bool,
    /// Only a configuration for others.
    pub config_only: bool,
    /// Network whose configuration is used.
    pub config_from: Option<ConfigReference>,
    /// Options of the driver.
    pub options: Option<BTreeMap<String, String>>,
    /// User-defined labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// A network that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CreateResponse {
    /// Its id.
    pub id: String,
    /// What its maker should know.
    pub warning: String,
}

/// A container to connect to a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConnectRequest {
    /// Name or id of the container.
    pub container: String,
    /// How.
    pub endpoint_config: Option<EndpointSettings>,
}

/// A container to disconnect from a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DisconnectRequest {
    /// Name or id of the container.
    pub container: String,
    /// Whatever state it is in, and even if there is no such container.
    pub force: bool,
}
