//! What a bridge network's record says, in types.

use std::net::IpAddr;
use std::str::FromStr;

use teu_sys::netlink::PortOptions;

use crate::firewall::NetworkRules;
use crate::record::option;
use crate::{Error, NetworkRecord, Subnet};

/// Length of `IFNAMSIZ` without the terminating zero.
const MAX_NAME: usize = 15;

/// A bridge network's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Bridge device.
    pub(crate) name: String,
    /// The bridge's own addresses.
    pub(crate) ipv4: Option<Subnet>,
    pub(crate) ipv6: Option<Subnet>,
    /// Gateways of the containers.
    pub(crate) gateway: Option<IpAddr>,
    pub(crate) gateway6: Option<IpAddr>,
    /// Maximum transmission unit, bytes.
    pub(crate) mtu: u32,
    pub(crate) icc: bool,
    pub(crate) masquerade: bool,
    pub(crate) internal: bool,
    /// Whether containers may choose their address, and have names that others find.
    pub(crate) user_defined: bool,
    /// What the device is marked with, so that it is known for this network's if nothing else tells.
    pub(crate) mark: String,
}

impl Settings {
    /// Reads a record. `mtu` is for networks that name none, `gateway` of the default bridge may differ from its
    /// address. `engine` is the name of the default bridge.
    pub(crate) fn of(record: &NetworkRecord, mtu: u32, engine: &str) -> Result<Settings, Error> {
        let name = device_name(record);
        if name.is_empty() || name.len() > MAX_NAME || name.contains(['/', ' ', ':']) || name.starts_with('.') {
            return Err(Error::InvalidConfig(format!("{name:?} is no name for a bridge")));
        }
        let own = |ipv6: bool| {
            let ipam = record.ipam.iter().find(|i| i.subnet.is_ipv6() == ipv6)?;
            let address = ipam.bridge.or(ipam.gateway).unwrap_or_else(|| ipam.subnet.at(1));
            Some((Subnet::new(address, ipam.subnet.prefix())?, ipam.gateway.unwrap_or(address)))
        };
        let (ipv4, ipv6) = (own(false), own(true));
        Ok(Settings {
            name,
            ipv4: ipv4.map(|o| o.0),
            ipv6: ipv6.map(|o| o.0),
            gateway: ipv4.filter(|_| !record.internal).map(|o| o.1),
            gateway6: ipv6.filter(|_| !record.internal).map(|o| o.1),
            mtu: parse(record, option::MTU, mtu)?,
            icc: parse(record, option::ICC, true)?,
            masquerade: parse(record, option::MASQUERADE, true)?,
            internal: record.internal,
            user_defined: !parse(record, option::DEFAULT_BRIDGE, false)?,
            mark: format!("{}{}", mark_prefix(engine), record.id),
        })
    }

    /// How the bridge treats its ports.
    ///
    /// - Hairpin: with `net.bridge.bridge-nf-call-iptables` set (Docker and Kubernetes do) a container's packet to its
    ///   own published port is translated while it is bridged, and has to leave by the port it came from.
    /// - Isolation keeps containers apart without that sysctl. With it, it also keeps them from using each other's
    ///   published ports by the host's address: the safe side of a choice that the sysctl could overturn any time.
    pub(crate) fn port_options(&self) -> PortOptions {
        PortOptions { hairpin: true, isolated: !self.icc }
    }

    /// What the packet filter has to say.
    pub(crate) fn rules(&self) -> NetworkRules {
        NetworkRules {
            bridge: self.name.clone(),
            subnets: [self.ipv4, self.ipv6].into_iter().flatten().map(Subnet::network).collect(),
            icc: self.icc,
            masquerade: self.masquerade,
            internal: self.internal,
        }
    }
}

/// Name of a network's device.
pub(crate) fn device_name(record: &NetworkRecord) -> String {
    record.options.get(option::BRIDGE_NAME).cloned().unwrap_or_else(|| default_name(&record.id))
}

/// What is in front of the network's id.
pub(super) const MARK_END: &str = ": ";

/// What the marks of all bridges begin with that the engine with this default bridge makes.
pub(crate) fn mark_prefix(engine: &str) -> String {
    format!("network of {engine}{MARK_END}")
}

/// As Docker's `br-` and twelve digits of the id.
fn default_name(id: &str) -> String {
    format!("teu-{}", id.get(..MAX_NAME - 4).unwrap_or(id))
}

fn parse<T: FromStr>(record: &NetworkRecord, key: &str, default: T) -> Result<T, Error> {
    let Some(text) = record.options.get(key) else { return Ok(default) };
    text.parse().map_err(|_| Error::InvalidOption { key: key.to_owned(), value: text.clone() })
}
