//! The three networks that are always there: `bridge`, `host`, `none`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::SystemTime;

use crate::reach::Reach;
use crate::record::option;
use crate::{Config, DriverKind, Error, IpamSubnet, NetworkRecord, Subnet, identity, ipam};

/// Name of the default network.
pub(crate) const BRIDGE: &str = "bridge";
/// Name of the network that is the host's.
pub(crate) const HOST: &str = "host";
/// Name of the network without a network.
pub(crate) const NONE: &str = "none";

/// Whether a network is always there.
pub(crate) fn is_predefined(name: &str) -> bool {
    matches!(name, BRIDGE | HOST | NONE)
}

/// The predefined networks: those of `records` brought into line with the configuration, missing ones made.
pub(crate) fn complete(config: &Config, records: &mut Vec<NetworkRecord>) -> Result<(), Error> {
    for (name, driver) in [(BRIDGE, DriverKind::Bridge), (HOST, DriverKind::Host), (NONE, DriverKind::Null)] {
        if !records.iter().any(|r| r.name == name) {
            records.push(blank(name, driver)?);
        }
    }
    let at = records.iter().position(|r| r.name == BRIDGE).unwrap_or_else(|| unreachable!("just added"));
    let others: Vec<Subnet> =
        records.iter().filter(|r| r.name != BRIDGE).flat_map(|r| r.ipam.iter().map(|i| i.subnet)).collect();
    let record = &mut records[at];
    let mut subnets = vec![ipv4(config, record, &others)?];
    if config.ipv6 {
        subnets.push(ipv6(config, record)?);
    }
    record.ipam = subnets;
    record.enable_ipv6 = config.ipv6;
    record.options = options(config);
    Ok(())
}

/// A record without subnets and options.
pub(crate) fn blank(name: &str, driver: DriverKind) -> Result<NetworkRecord, Error> {
    Ok(NetworkRecord {
        id: identity::hex::<32>()?,
        name: name.to_owned(),
        driver,
        created: now(),
        enable_ipv4: true,
        enable_ipv6: false,
        internal: false,
        attachable: false,
        ipam: Vec::new(),
        ipam_options: None,
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
    })
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

fn options(config: &Config) -> BTreeMap<String, String> {
    [
        (option::DEFAULT_BRIDGE, "true".to_owned()),
        (option::ICC, config.icc.to_string()),
        (option::MASQUERADE, config.masquerade.to_string()),
        (option::HOST_BINDING, config.default_host_ip.to_string()),
        (option::BRIDGE_NAME, config.bridge.clone()),
    ]
    .into_iter()
    .chain(config.mtu.map(|mtu| (option::MTU, mtu.to_string())))
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The configured address, or else a [`chosen`] one.
fn ipv4(config: &Config, record: &NetworkRecord, others: &[Subnet]) -> Result<IpamSubnet, Error> {
    let part = config.fixed_cidr;
    let bridge = match config.bip {
        Some(bip) => bip,
        None => chosen(config, record, others)?,
    };
    if !fits(bridge, part) {
        return Err(Error::InvalidConfig(format!("fixed-cidr {} is outside of {}", display(part), bridge.network())));
    }
    if bridge.is_ipv6() || bridge.address() == bridge.network().address() {
        return Err(Error::InvalidConfig(format!("bip {bridge} is no address of a host in an IPv4 subnet")));
    }
    let gateway = config.default_gateway.filter(IpAddr::is_ipv4);
    if gateway.is_some_and(|g| !bridge.contains(g)) {
        return Err(Error::InvalidConfig(format!("default gateway is outside of {}", bridge.network())));
    }
    let own = bridge.address();
    Ok(IpamSubnet {
        range: part.map(Subnet::network),
        gateway: Some(gateway.unwrap_or(own)),
        bridge: gateway.map(|_| own),
        ..IpamSubnet::of(bridge.network())
    })
}

/// The bridge's address of an earlier run (from its record, or from the bridge if that outlived the record) unless somebody
/// else has it since, or else a free one from the pools.
fn chosen(config: &Config, record: &NetworkRecord, others: &[Subnet]) -> Result<Subnet, Error> {
    let part = config.fixed_cidr;
    let earlier = record.ipam.iter().find(|i| !i.subnet.is_ipv6()).and_then(own_address);
    let reach = Reach::read()?;
    let present = reach.ipv4(&config.bridge);
    if let Some(earlier) = earlier.filter(|earlier| fits(*earlier, part)) {
        // Where the bridge has it, containers may live there.
        let must_stay = part.is_some() || present == Some(earlier);
        // Docker, started while the engine was away, takes what it finds free.
        match reach.rival(&config.bridge, earlier.network()).filter(|_| !must_stay) {
            None => return Ok(earlier),
            Some(rival) => tracing::warn!(%rival, "the default network leaves {} to others", earlier.network()),
        }
    }
    match (present, part) {
        (Some(present), part) if fits(present, part) => Ok(present),
        (_, Some(part)) => Ok(first_address(part.network())),
        (_, None) => free(config, &reach, others),
    }
}

/// As for IPv4; without any wish a random unique local subnet (RFC 4193), kept in the record from then on.
fn ipv6(config: &Config, record: &NetworkRecord) -> Result<IpamSubnet, Error> {
    let earlier = record.ipam.iter().find(|i| i.subnet.is_ipv6()).and_then(own_address);
    let part = config.fixed_cidr_v6;
    let bridge = match (config.bip6, part, earlier) {
        (Some(bip), _, _) => bip,
        (None, Some(part), Some(earlier)) if earlier.network() == part.network() => earlier,
        (None, Some(part), _) => first_address(part.network()),
        (None, None, Some(earlier)) => earlier,
        (None, None, None) => first_address(unique_local()?),
    };
    if !bridge.is_ipv6() {
        return Err(Error::InvalidConfig(format!("{bridge} is no IPv6 subnet")));
    }
    Ok(IpamSubnet {
        range: part.map(Subnet::network),
        gateway: Some(bridge.address()),
        ..IpamSubnet::of(bridge.network())
    })
}

/// A random unique local /64 (RFC 4193).
pub(crate) fn unique_local() -> Result<Subnet, Error> {
    let mut octets = [0; 16];
    octets[..6].copy_from_slice(&identity::random::<6>()?);
    octets[0] = 0xfd;
    Ok(Subnet::new(Ipv6Addr::from(octets), 64).unwrap_or_else(|| unreachable!("64 <= 128")))
}

fn own_address(ipam: &IpamSubnet) -> Option<Subnet> {
    Subnet::new(ipam.bridge.or(ipam.gateway)?, ipam.subnet.prefix())
}

fn fits(bridge: Subnet, part: Option<Subnet>) -> bool {
    part.is_none_or(|p| bridge.contains(p.at(0)) && bridge.contains(p.at(u128::MAX)))
}

fn display(subnet: Option<Subnet>) -> String {
    subnet.map(|s| s.to_string()).unwrap_or_default()
}

fn first_address(subnet: Subnet) -> Subnet {
    Subnet::new(subnet.at(1), subnet.prefix()).unwrap_or(subnet)
}

fn free(config: &Config, reach: &Reach, others: &[Subnet]) -> Result<Subnet, Error> {
    let used: Vec<Subnet> = reach.subnets().chain(others.iter().copied()).collect();
    ipam::choose(&config.pools, &used, false).map(first_address).ok_or(Error::PoolsExhausted)
}
