//! Which subnets the host reaches, and by which interface.

use teu_sys::netlink::{Family, Socket, addresses, links, routes};

use crate::error::refused;
use crate::{Error, Subnet};

/// Routes shorter than this are halves of a default route, as VPN clients make them: they say nothing about which
/// subnets are in use.
const SHORTEST_PREFIX: u8 = 8;

/// What the host's addresses and routes were at one moment.
pub(crate) struct Reach {
    /// Index and name of each interface.
    links: Vec<(u32, String)>,
    /// Addresses with the length of their prefix, and the index of their interface.
    addresses: Vec<(Subnet, u32)>,
    /// What routes lead to, and the index of the interface; a route by several interfaces has none.
    routes: Vec<(Subnet, Option<u32>)>,
}

/// Another interface that takes packets which are for a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rival {
    /// Its name; none where a route leads over several.
    interface: Option<String>,
    /// Its address, or what the route leads to.
    subnet: Subnet,
}

impl std::fmt::Display for Rival {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface} ({})", self.subnet),
            None => write!(f, "a route to {}", self.subnet),
        }
    }
}

impl Reach {
    /// Asks the kernel.
    pub(crate) fn read() -> Result<Reach, Error> {
        let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
        let links = links(&mut socket).map_err(refused("list links"))?;
        let routes = routes(&mut socket).map_err(refused("list routes"))?;
        let addresses = addresses(&mut socket).map_err(refused("list addresses"))?;
        let routed = routes.into_iter().filter(|r| r.prefix >= SHORTEST_PREFIX);
        Ok(Reach {
            links: links.into_iter().map(|link| (link.index, link.name)).collect(),
            addresses: addresses
                .into_iter()
                .filter_map(|a| Some((Subnet::new(a.address, a.prefix)?, a.index)))
                .collect(),
            routes: routed.filter_map(|r| Some((Subnet::new(r.destination?, r.prefix)?, r.outgoing))).collect(),
        })
    }

    /// Subnets that are in use.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = Subnet> + '_ {
        self.all().map(|(subnet, _)| subnet)
    }

    fn all(&self) -> impl Iterator<Item = (Subnet, Option<u32>)> + '_ {
        self.addresses.iter().map(|(subnet, link)| (*subnet, Some(*link))).chain(self.routes.iter().copied())
    }

    /// The IPv4 address of an interface, with the length of its prefix.
    pub(crate) fn ipv4(&self, interface: &str) -> Option<Subnet> {
        let index = self.index(interface)?;
        self.addresses.iter().find(|(own, link)| *link == index && !own.is_ipv6()).map(|(own, _)| *own)
    }

    /// Who beside the interface called `bridge` takes packets that are for `subnet`. A wider route takes none: the narrower
    /// one wins.
    pub(crate) fn rival(&self, bridge: &str, subnet: Subnet) -> Option<Rival> {
        let own = self.index(bridge);
        let is_rival = |(other, link): &(Subnet, Option<u32>)| {
            (link.is_none() || *link != own) && other.prefix() >= subnet.prefix() && subnet.contains(other.address())
        };
        let (other, link) = self.all().find(is_rival)?;
        let name = self.links.iter().find(|(index, _)| Some(*index) == link).map(|(_, name)| name.clone());
        Some(Rival { interface: name, subnet: other })
    }

    fn index(&self, interface: &str) -> Option<u32> {
        self.links.iter().find(|(_, name)| name == interface).map(|(index, _)| *index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    fn host(addresses: &[(&str, u32)], routes: &[(&str, Option<u32>)]) -> Reach {
        Reach {
            links: vec![(1, "lo".into()), (2, "up0".into()), (3, "teu0".into())],
            addresses: addresses.iter().map(|(text, link)| (subnet(text), *link)).collect(),
            routes: routes.iter().map(|(text, link)| (subnet(text), *link)).collect(),
        }
    }

    #[test]
    fn rivals_have_the_subnet_or_a_part_of_it() {
        let told = |addresses: &[(&str, u32)], routes: &[(&str, Option<u32>)]| {
            host(addresses, routes).rival("teu0", subnet("172.17.0.0/16")).map(|r| r.to_string())
        };
        assert_eq!(told(&[("172.17.0.1/16", 3)], &[("172.17.0.0/16", Some(3))]), None);
        assert_eq!(told(&[("172.17.0.1/16", 2)], &[]).as_deref(), Some("up0 (172.17.0.1/16)"));
        assert_eq!(told(&[], &[("172.17.4.0/24", Some(2))]).as_deref(), Some("up0 (172.17.4.0/24)"));
        assert_eq!(told(&[], &[("172.17.0.0/16", None)]).as_deref(), Some("a route to 172.17.0.0/16"));
        // What is wider is for the rest, and neighbours do not matter.
        assert_eq!(told(&[("172.18.0.1/16", 2), ("fd00::1/64", 2)], &[("172.16.0.0/12", Some(2))]), None);
    }

    #[test]
    fn a_bridge_that_is_not_there_has_no_address() {
        let host = host(&[("fd00::1/64", 3), ("172.17.0.1/16", 3)], &[("10.0.0.0/8", None), ("10.1.0.0/16", Some(2))]);
        assert_eq!(host.ipv4("teu0"), Some(subnet("172.17.0.1/16")));
        assert_eq!(host.ipv4("up0"), None);
        assert_eq!(host.ipv4("br0"), None);
        assert_eq!(host.rival("br0", subnet("10.0.0.0/8")).unwrap().to_string(), "a route to 10.0.0.0/8");
    }
}
