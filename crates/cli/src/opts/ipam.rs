//! `--subnet`, `--ip-range`, `--gateway`, `--aux-address`: rows of a network's address management.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::bail;
use ipnet::IpNet;
use teu_api::network::IpamConfig;

/// What belongs to which subnet follows from the addresses.
pub(crate) fn rows(
    subnets: &[String],
    ranges: &[String],
    gateways: &[String],
    others: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<IpamConfig>> {
    if subnets.len() < ranges.len() || subnets.len() < gateways.len() {
        bail!("every ip-range or gateway must have a corresponding subnet");
    }
    let mut rows: Vec<IpamConfig> = Vec::new();
    for subnet in subnets {
        for row in &rows {
            if holds(&row.subnet, subnet)? || holds(subnet, &row.subnet)? {
                bail!("multiple overlapping subnet configuration is not supported");
            }
        }
        rows.push(IpamConfig { subnet: subnet.clone(), ..IpamConfig::default() });
    }
    for range in ranges {
        let Some(row) = find(&mut rows, range)? else { bail!("no matching subnet for range {range}") };
        if !row.ip_range.is_empty() {
            bail!("cannot configure multiple ranges ({range}, {}) on the same subnet ({})", row.ip_range, row.subnet);
        }
        row.ip_range.clone_from(range);
    }
    for gateway in gateways {
        let Some(row) = find(&mut rows, gateway)? else { bail!("no matching subnet for gateway {gateway}") };
        if !row.gateway.is_empty() {
            let (other, subnet) = (&row.gateway, &row.subnet);
            bail!("cannot configure multiple gateways ({gateway}, {other}) for the same subnet ({subnet})");
        }
        row.gateway.clone_from(gateway);
    }
    for (name, address) in others {
        let Some(row) = find(&mut rows, address)? else { bail!("no matching subnet for aux-address {address}") };
        row.auxiliary_addresses.get_or_insert_default().insert(name.clone(), address.clone());
    }
    Ok(rows)
}

/// The row whose subnet an address or a part of it lies in.
fn find<'r>(rows: &'r mut [IpamConfig], inner: &str) -> anyhow::Result<Option<&'r mut IpamConfig>> {
    for row in rows {
        if holds(&row.subnet, inner)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Whether the first address of `inner` lies in a subnet.
fn holds(subnet: &str, inner: &str) -> anyhow::Result<bool> {
    let Ok(network) = subnet.parse::<IpNet>() else { bail!("invalid CIDR address: {subnet}") };
    let Ok(address) = inner.split('/').next().unwrap_or_default().parse::<IpAddr>() else {
        bail!("invalid address: {inner}");
    };
    Ok(network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn told(subnets: &[&str], ranges: &[&str], gateways: &[&str]) -> String {
        let found = rows(&texts(subnets), &texts(ranges), &texts(gateways), &BTreeMap::new());
        found.map_or_else(|error| error.to_string(), |rows| format!("{} rows", rows.len()))
    }

    #[test]
    fn each_finds_its_subnet() {
        let others = BTreeMap::from([("a".to_owned(), "10.2.0.9".to_owned())]);
        let subnets = texts(&["10.1.0.0/24", "10.2.0.0/24", "fd00::/64"]);
        let found = rows(&subnets, &texts(&["10.2.0.128/25"]), &texts(&["fd00::1", "10.1.0.254"]), &others).unwrap();
        assert_eq!(found[0].gateway, "10.1.0.254");
        assert_eq!((found[1].ip_range.as_str(), found[1].gateway.as_str()), ("10.2.0.128/25", ""));
        assert_eq!(found[1].auxiliary_addresses.as_ref().unwrap()["a"], "10.2.0.9");
        assert_eq!(found[2].gateway, "fd00::1");
    }

    #[test]
    fn refused() {
        let overlap = "multiple overlapping subnet configuration is not supported";
        assert_eq!(told(&["10.0.0.0/8", "10.1.0.0/16"], &[], &[]), overlap);
        assert_eq!(told(&["10.1.0.0/16", "10.0.0.0/8"], &[], &[]), overlap);
        assert_eq!(told(&[], &[], &["10.0.0.1"]), "every ip-range or gateway must have a corresponding subnet");
        assert_eq!(told(&["10.1.0.0/16"], &[], &["10.2.0.1"]), "no matching subnet for gateway 10.2.0.1");
        assert_eq!(told(&["10.1.0.0/16"], &["10.2.0.0/24"], &[]), "no matching subnet for range 10.2.0.0/24");
        assert_eq!(told(&["x"], &[], &["10.2.0.1"]), "invalid CIDR address: x");
        assert_eq!(told(&["0.0.0.0/0", "::/0"], &[], &["10.2.0.1", "::1"]), "2 rows");
    }
}
