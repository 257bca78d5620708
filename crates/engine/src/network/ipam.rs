//! Wanted subnets, checked in Docker's words: all that is wrong with them is told at once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use teu_api::network::IpamConfig;
use teu_network::{IpamSubnet, Subnet};

use crate::Error;

/// The wanted subnets of a request.
pub(super) fn subnets(rows: &[IpamConfig], ipv6: bool) -> Result<Vec<IpamSubnet>, Error> {
    let mut wrong = Vec::new();
    let mut chosen = Vec::new();
    // Docker's command line sends such a row when only options of address management are given.
    for row in rows.iter().filter(|row| **row != IpamConfig::default()) {
        chosen.extend(subnet(row, ipv6, &mut wrong));
    }
    if wrong.is_empty() {
        return Ok(chosen);
    }
    Err(Error::Invalid(format!("invalid network config:\n{}", wrong.join("\n"))))
}

fn subnet(row: &IpamConfig, ipv6: bool, wrong: &mut Vec<String>) -> Option<IpamSubnet> {
    let Ok(subnet) = row.subnet.parse::<Subnet>() else {
        wrong.push(format!("invalid subnet {}: invalid CIDR block notation", row.subnet));
        return None;
    };
    if subnet != subnet.network() {
        wrong.push(format!("invalid subnet {subnet}: it should be {}", subnet.network()));
    }
    if subnet.is_ipv6() && !ipv6 {
        // Docker keeps it and gives nobody an address of it.
        return None;
    }
    let mut inside = |what: String, text: &str| address(subnet, &what, text, wrong);
    let gateway = inside("gateway".to_owned(), &row.gateway);
    let others = row.auxiliary_addresses.iter().flatten();
    let auxiliary: BTreeMap<String, IpAddr> = others
        .filter_map(|(name, text)| Some((name.clone(), inside(format!("auxiliary address {name}"), text)?)))
        .collect();
    Some(IpamSubnet { range: range(subnet, &row.ip_range, wrong), gateway, auxiliary, ..IpamSubnet::of(subnet) })
}

/// An address of the subnet.
fn address(subnet: Subnet, what: &str, text: &str, wrong: &mut Vec<String>) -> Option<IpAddr> {
    if text.is_empty() {
        return None;
    }
    // Docker names an auxiliary address, and shows the gateway.
    let shown = if what == "gateway" { format!("gateway {text}") } else { what.to_owned() };
    match text.parse::<IpAddr>() {
        Ok(address) if subnet.contains(address) => return Some(address),
        Ok(_) => wrong.push(format!("invalid {shown}: parent subnet {subnet} doesn't contain this address")),
        Err(_) => wrong.push(format!("invalid {shown}: invalid address")),
    }
    None
}

/// A part of the subnet.
fn range(subnet: Subnet, text: &str, wrong: &mut Vec<String>) -> Option<Subnet> {
    if text.is_empty() {
        return None;
    }
    match text.parse::<Subnet>() {
        Ok(part) if part != part.network() => {
            wrong.push(format!("invalid ip-range {part}: it should be {}", part.network()));
        }
        Ok(part) if subnet.contains(part.at(0)) && subnet.contains(part.at(u128::MAX)) => return Some(part),
        Ok(part) => wrong.push(format!("invalid ip-range {part}: parent subnet {subnet} doesn't contain ip-range")),
        Err(_) => wrong.push(format!("invalid ip-range {text}: invalid CIDR block notation")),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subnet: &str) -> IpamConfig {
        IpamConfig { subnet: subnet.to_owned(), ..IpamConfig::default() }
    }

    fn refused(row: IpamConfig) -> String {
        subnets(&[row], true).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn good_ones() {
        let others = BTreeMap::from([("router".to_owned(), "10.6.0.9".to_owned())]);
        let full = IpamConfig {
            ip_range: "10.6.0.128/25".to_owned(),
            gateway: "10.6.0.254".to_owned(),
            auxiliary_addresses: Some(others),
            ..row("10.6.0.0/24")
        };
        let found = subnets(&[full, IpamConfig::default(), row("fd00::/64")], true).expect("good");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].range.map(|r| r.to_string()).as_deref(), Some("10.6.0.128/25"));
        assert_eq!(found[0].gateway, "10.6.0.254".parse().ok());
        assert_eq!(found[0].auxiliary["router"].to_string(), "10.6.0.9");
        assert_eq!(subnets(&[row("fd00::/64")], false).expect("passed over"), []);
    }

    #[test]
    fn what_is_wrong() {
        const HEAD: &str = "invalid network config:\n";
        assert_eq!(refused(row("x")), format!("{HEAD}invalid subnet x: invalid CIDR block notation"));
        assert_eq!(refused(row("10.6.0.1/24")), format!("{HEAD}invalid subnet 10.6.0.1/24: it should be 10.6.0.0/24"));
        let parent = "parent subnet 10.6.0.0/24 doesn't contain";
        let wrong = IpamConfig {
            ip_range: "10.7.0.0/25".to_owned(),
            gateway: "10.7.0.1".to_owned(),
            auxiliary_addresses: Some(BTreeMap::from([("a".to_owned(), "10.7.0.2".to_owned())])),
            ..row("10.6.0.0/24")
        };
        let lines = [
            format!("invalid gateway 10.7.0.1: {parent} this address"),
            format!("invalid auxiliary address a: {parent} this address"),
            format!("invalid ip-range 10.7.0.0/25: {parent} ip-range"),
        ];
        assert_eq!(refused(wrong), format!("{HEAD}{}", lines.join("\n")));
        let gateway = IpamConfig { gateway: "10.1.1.1".to_owned(), ..IpamConfig::default() };
        assert_eq!(refused(gateway), format!("{HEAD}invalid subnet : invalid CIDR block notation"));
    }
}
