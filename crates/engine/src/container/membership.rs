//! What a container is on its networks: its names there, and what it wants of them.

use std::net::IpAddr;

use teu_api::network::EndpointSettings;
use teu_network::{Join, Membership};

use super::definition::Definition;
use super::sandbox;
use crate::Error;

/// Characters of an id that stand for it.
const SHORT: usize = 12;

/// Whether containers on this network (or with this mode) find each other by name: on those that users define.
pub(super) fn has_names(network: &str) -> bool {
    !matches!(network, "" | "default" | "bridge" | "host" | "none") && sandbox::shared_with(network).is_none()
}

/// The names that others on a network find a container by, its own first.
pub(super) fn names(definition: &Definition, asked: &EndpointSettings) -> Vec<String> {
    let short = definition.id.get(..SHORT).unwrap_or(&definition.id);
    let own = std::iter::once(definition.name.as_str());
    let aliases = asked.aliases.iter().flatten().map(String::as_str);
    let mut names: Vec<String> = Vec::new();
    for name in own.chain(aliases).chain([short, &definition.config.hostname]).filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What a container is on a network.
pub(super) fn of(definition: &Definition, asked: &EndpointSettings) -> Membership {
    let link = |link: &String| {
        let (target, alias) = link.split_once(':').unwrap_or((link, link));
        (alias.to_owned(), target.trim_start_matches('/').to_owned())
    };
    Membership {
        priority: asked.gw_priority.unwrap_or_default(),
        names: names(definition, asked),
        links: asked.links.iter().flatten().map(link).collect(),
    }
}

/// How a container joins a network.
pub(super) fn join(definition: &Definition, network: &str, asked: &EndpointSettings) -> Result<Join, Error> {
    let ipam = asked.ipam_config.clone().unwrap_or_default();
    let mac = Some(&asked.mac_address).filter(|text| !text.is_empty());
    Ok(Join {
        network: network.to_owned(),
        ipv4: address(&ipam.ipv4_address)?,
        ipv6: address(&ipam.ipv6_address)?,
        mac: mac.map(|text| text.parse().map_err(|e| Error::Invalid(format!("{e}")))).transpose()?,
        link_local: ipam
            .link_local_ips
            .iter()
            .flatten()
            .filter_map(|text| address(text).transpose())
            .collect::<Result<_, _>>()?,
        membership: of(definition, asked),
    })
}

fn address(text: &str) -> Result<Option<IpAddr>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Error::Invalid(format!("invalid IP address: {text}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_with_names() {
        for none in ["", "default", "bridge", "host", "none", "container:abc"] {
            assert!(!has_names(none), "{none}");
        }
        assert!(has_names("front"));
    }

    #[test]
    fn wishes_are_read() {
        assert_eq!(address("").expect("none"), None);
        assert!(address("fd00::1").is_ok_and(|address| address.is_some()));
        assert_eq!(address("x").expect_err("refused").to_string(), "invalid IP address: x");
    }
}
