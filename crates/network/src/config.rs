//! What the daemon's flags and `daemon.json` say about networks.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use teu_oci::runtime::IdMaps;

use crate::leases::Lease;
use crate::{MacAddress, Subnet};

/// Settings of the network layer, named after dockerd's flags.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the default bridge device (`--bridge`).
    pub bridge: String,
    /// Address and prefix of the default bridge (`--bip`); chosen from `pools` when absent.
    pub bip: Option<Subnet>,
    /// IPv6 address and prefix of the default bridge (`--bip6`).
    pub bip6: Option<Subnet>,
    /// Part of the bridge's subnet that containers are given addresses from (`--fixed-cidr`).
    pub fixed_cidr: Option<Subnet>,
    /// The same for IPv6 (`--fixed-cidr-v6`).
    pub fixed_cidr_v6: Option<Subnet>,
    /// Gateway of the containers if it is not the bridge itself (`--default-gateway`).
    pub default_gateway: Option<IpAddr>,
    /// IPv6 on the default bridge (`--ipv6`).
    pub ipv6: bool,
    /// Where subnets are taken from (`--default-address-pool`); never empty, Docker's by default.
    pub pools: Vec<AddressPool>,
    /// MTU of links (`--mtu`); that of the interface of the default route when absent.
    pub mtu: Option<u32>,
    /// Whether containers of the default bridge may talk to each other (`--icc`).
    pub icc: bool,
    /// Whether what containers send to the outside is masqueraded (`--ip-masq`).
    pub masquerade: bool,
    /// Whether IP forwarding may be switched on (`--ip-forward`).
    pub ip_forward: bool,
    /// Who decides about published ports and forwarding (`--iptables`).
    pub firewall: FirewallMode,
    /// Address that ports are published on when the request names none (`--ip`).
    pub default_host_ip: IpAddr,
    /// Whether connections that the kernel cannot translate are carried by the daemon (`--userland-proxy`).
    pub userland_proxy: bool,
    /// How endpoints get their Ethernet address.
    pub mac: MacPolicy,
    /// How many namespaces are kept ready.
    pub ready: PoolLimits,
    /// Maps of the user namespaces that these belong to (`--userns-remap`), one each; none for the host's.
    pub ids: Option<Arc<IdMaps>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            bridge: "teu0".to_owned(),
            bip: None,
            bip6: None,
            fixed_cidr: None,
            fixed_cidr_v6: None,
            default_gateway: None,
            ipv6: false,
            pools: AddressPool::docker_defaults(),
            mtu: None,
            icc: true,
            masquerade: true,
            ip_forward: true,
            firewall: FirewallMode::Managed,
            default_host_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            userland_proxy: true,
            mac: MacPolicy::FromIp,
            ready: PoolLimits::default(),
            ids: None,
        }
    }
}

/// A range that subnets of one size are cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// The whole range.
    pub base: Subnet,
    /// Prefix length of each subnet cut from it.
    pub size: u8,
}

impl AddressPool {
    /// Docker's local scope pools: 172.17–172.31 as /16 (it skips 172.16), then 192.168 as /20.
    pub fn docker_defaults() -> Vec<AddressPool> {
        let v4 = |a, b, prefix, size| AddressPool {
            base: Subnet::new(Ipv4Addr::new(a, b, 0, 0), prefix).unwrap_or_else(|| unreachable!("prefix <= 32")),
            size,
        };
        vec![
            v4(172, 17, 16, 16),
            v4(172, 18, 16, 16),
            v4(172, 19, 16, 16),
            v4(172, 20, 14, 16),
            v4(172, 24, 14, 16),
            v4(172, 28, 14, 16),
            v4(192, 168, 16, 20),
        ]
    }
}

/// Who programs the packet filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirewallMode {
    /// This crate, in a table of its own.
    #[default]
    Managed,
    /// Nobody here (`--iptables=false`): ports are published by the daemon's proxy alone and the host's own
    /// firewall decides about everything.
    Off,
}

/// How endpoints get their Ethernet address when the request names none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacPolicy {
    /// `02:42` and the IPv4 address.
    #[default]
    FromIp,
    /// Random, locally administered.
    Random,
}

impl MacPolicy {
    /// The address for an endpoint with these IP addresses.
    pub(crate) fn choose(self, lease: &Lease) -> MacAddress {
        match (self, lease.ipv4.map(Subnet::address)) {
            (MacPolicy::FromIp, Some(IpAddr::V4(address))) => MacAddress::from_ipv4(address),
            // The kernel's source of random numbers does not fail once the machine has started.
            _ => MacAddress::from_random(crate::identity::random().unwrap_or_default()),
        }
    }
}

/// Marks of the pool of ready namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Number kept when starts are rare.
    pub low: usize,
    /// Number that bursts may raise it to. A ready namespace costs about 200 KiB of kernel memory.
    pub high: usize,
}

impl Default for PoolLimits {
    fn default() -> PoolLimits {
        PoolLimits { low: 4, high: 64 }
    }
}
