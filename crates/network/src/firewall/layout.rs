//! The table's chains and rules.
//!
//! ```text
//! table inet teu {
//!   set bridges { type ifname; }                        our bridges
//!   map to_bridge { type ifname : verdict; }            "teu0" : jump to_teu0
//!   map from_internal { type ifname : verdict; }        "int0" : jump from_int0
//!   map from_subnet4 { type ipv4_addr : verdict; flags interval; }   172.17.0.0/16 : jump nat_teu0
//!   map from_subnet6 …
//!   map ports4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
//!   map ports4_any { type inet_proto . inet_service : ipv4_addr . inet_service; }
//!   map ports6 …, ports6_any …
//!
//!   chain guard { type filter hook prerouting priority raw;
//!     iifname @bridges ip daddr 127.0.0.0/8 drop }
//!   chain prerouting { type nat hook prerouting priority dstnat;
//!     iifname != "lo" ip daddr 127.0.0.0/8 return
//!     fib daddr type local jump published }
//!   chain output { type nat hook output priority dstnat;
//!     ip6 daddr ::1 return
//!     fib daddr type local jump published }
//!   chain published {
//!     dnat ip to ip daddr . meta l4proto . th dport map @ports4
//!     dnat ip to meta l4proto . th dport map @ports4_any
//!     (the same for IPv6) }
//!   chain forward { type filter hook forward priority filter;
//!     iifname vmap @from_internal
//!     oifname vmap @to_bridge }
//!   chain postrouting { type nat hook postrouting priority srcnat;
//!     oifname @bridges ip saddr 127.0.0.0/8 masquerade
//!     ip saddr vmap @from_subnet4
//!     ip6 saddr vmap @from_subnet6 }
//!
//!   chain to_teu0 {
//!     ct state established,related accept
//!     ct status dnat accept
//!     iifname "teu0" accept       (unless icc is off)
//!     drop }
//!   chain nat_teu0 {
//!     oifname != "teu0" masquerade
//!     ct status dnat masquerade } }
//! ```
//!
//! - Bridges have `route_localnet` set, so that 127.0.0.1 of the host can be translated. `guard` keeps containers from
//!   using that to reach the host's loopback (CVE-2020-8558), the first rule of `prerouting` neighbours on the outer
//!   network from reaching ports that are published on 127.0.0.1 only.
//! - The last rule of `nat_teu0` is for containers that use a published port by the host's address: the answer has to
//!   come back through the host to be translated back.

use std::net::IpAddr;

use teu_sys::nft::{
    Chain, ChainKind, DataType, Element, Field, Hook, Key, Set, Status, Transaction, Value, Verdict, interface_name,
};

use super::NetworkRules;
use crate::Subnet;

/// `NF_IP_PRI_RAW`, `NF_IP_PRI_NAT_DST`, `NF_IP_PRI_FILTER`, `NF_IP_PRI_NAT_SRC`
const RAW: i32 = -300;
const NAT_DESTINATION: i32 = -100;
const FILTER: i32 = 0;
const NAT_SOURCE: i32 = 100;

/// `NFPROTO_IPV4` and `NFPROTO_IPV6`
pub(super) const V4: u8 = 2;
pub(super) const V6: u8 = 10;
/// First octet of 127.0.0.0/8.
const LOOPBACK_NET: [u8; 1] = [127];

/// Everything that does not depend on networks.
pub(super) fn write_base(t: &mut Transaction) {
    write_sets(t);
    for (name, kind, hook, priority) in [
        ("guard", ChainKind::Filter, Hook::Prerouting, RAW),
        ("prerouting", ChainKind::Nat, Hook::Prerouting, NAT_DESTINATION),
        ("output", ChainKind::Nat, Hook::Output, NAT_DESTINATION),
        ("forward", ChainKind::Filter, Hook::Forward, FILTER),
        ("postrouting", ChainKind::Nat, Hook::Postrouting, NAT_SOURCE),
    ] {
        t.add_base_chain(&Chain { name, kind, hook, priority });
    }
    t.add_chain("published");
    write_guards(t);
    write_published(t);
    write_dispatch(t);
}

fn write_sets(t: &mut Transaction) {
    use DataType::{Interface, Ipv4, Ipv6, Port, Protocol};
    let mut add = |name, key: &[DataType], value, interval| t.add_set(&Set { name, key, value, interval });
    add("bridges", &[Interface], Value::None, false);
    add("to_bridge", &[Interface], Value::Verdict, false);
    add("from_internal", &[Interface], Value::Verdict, false);
    add("from_subnet4", &[Ipv4], Value::Verdict, true);
    add("from_subnet6", &[Ipv6], Value::Verdict, true);
    add("ports4", &[Ipv4, Protocol, Port], Value::Fields(&[Ipv4, Port]), false);
    add("ports4_any", &[Protocol, Port], Value::Fields(&[Ipv4, Port]), false);
    add("ports6", &[Ipv6, Protocol, Port], Value::Fields(&[Ipv6, Port]), false);
    add("ports6_any", &[Protocol, Port], Value::Fields(&[Ipv6, Port]), false);
}

fn write_guards(t: &mut Transaction) {
    t.add_rule("guard", |r| {
        r.meta(Key::InName, 0).in_set("bridges").family(V4);
        r.field(Field::Ipv4DestinationNet, 0).equals(&LOOPBACK_NET).verdict(Verdict::Drop);
    });
    t.add_rule("prerouting", |r| {
        r.meta(Key::InName, 0).differs(&interface_name("lo")).family(V4);
        r.field(Field::Ipv4DestinationNet, 0).equals(&LOOPBACK_NET).verdict(Verdict::Return);
    });
    t.add_rule("output", |r| {
        let localhost = std::net::Ipv6Addr::LOCALHOST.octets();
        r.family(V6).field(Field::Ipv6Destination, 0).equals(&localhost).verdict(Verdict::Return);
    });
}

fn write_published(t: &mut Transaction) {
    for chain in ["prerouting", "output"] {
        t.add_rule(chain, |r| {
            r.to_this_host().verdict(Verdict::Jump("published"));
        });
    }
    // Words in the registers: the address takes one or four, protocol and port one each.
    for (family, destination, words, map) in
        [(V4, Field::Ipv4Destination, 1, "ports4"), (V6, Field::Ipv6Destination, 4, "ports6")]
    {
        t.add_rule("published", |r| {
            r.family(family).field(destination, 0);
            r.meta(Key::Protocol, words).field(Field::DestinationPort, words + 1);
            r.value_from(map).translate_destination(family);
        });
        t.add_rule("published", |r| {
            r.family(family).meta(Key::Protocol, 0).field(Field::DestinationPort, 1);
            r.value_from(&format!("{map}_any")).translate_destination(family);
        });
    }
}

fn write_dispatch(t: &mut Transaction) {
    t.add_rule("forward", |r| {
        r.meta(Key::InName, 0).verdict_from("from_internal");
    });
    t.add_rule("forward", |r| {
        r.meta(Key::OutName, 0).verdict_from("to_bridge");
    });
    t.add_rule("postrouting", |r| {
        r.meta(Key::OutName, 0).in_set("bridges").family(V4);
        r.field(Field::Ipv4SourceNet, 0).equals(&LOOPBACK_NET).masquerade();
    });
    t.add_rule("postrouting", |r| {
        r.family(V4).field(Field::Ipv4Source, 0).verdict_from("from_subnet4");
    });
    t.add_rule("postrouting", |r| {
        r.family(V6).field(Field::Ipv6Source, 0).verdict_from("from_subnet6");
    });
}

/// The chains of one network and the elements that lead to them.
pub(super) fn write_network(t: &mut Transaction, network: &NetworkRules) {
    let bridge = interface_name(&network.bridge);
    let (to, nat, from) = chain_names(&network.bridge);
    t.add_chain(&to);
    t.add_rule(&to, |r| {
        r.connection(Status::EstablishedOrRelated).verdict(Verdict::Accept);
    });
    t.add_rule(&to, |r| {
        r.connection(Status::DestinationTranslated).verdict(Verdict::Accept);
    });
    if network.icc {
        t.add_rule(&to, |r| {
            r.meta(Key::InName, 0).equals(&bridge).verdict(Verdict::Accept);
        });
    }
    t.add_rule(&to, |r| {
        r.verdict(Verdict::Drop);
    });
    t.add_chain(&nat);
    if network.masquerade {
        t.add_rule(&nat, |r| {
            r.meta(Key::OutName, 0).differs(&bridge).masquerade();
        });
    }
    t.add_rule(&nat, |r| {
        r.connection(Status::DestinationTranslated).masquerade();
    });
    if network.internal {
        t.add_chain(&from);
        t.add_rule(&from, |r| {
            r.meta(Key::OutName, 0).differs(&bridge).verdict(Verdict::Drop);
        });
        t.add_elements("from_internal", &[Element::Verdict(&bridge, Verdict::Jump(&from))], false);
    }
    t.add_elements("bridges", &[Element::Key(&bridge)], false);
    t.add_elements("to_bridge", &[Element::Verdict(&bridge, Verdict::Jump(&to))], false);
    for_each_subnet(network, &nat, |map, elements| t.add_elements(map, elements, false));
}

/// Undoes [`write_network`].
pub(super) fn erase_network(t: &mut Transaction, network: &NetworkRules) {
    let bridge = interface_name(&network.bridge);
    let (to, nat, from) = chain_names(&network.bridge);
    t.delete_elements("bridges", &[Element::Key(&bridge)]);
    t.delete_elements("to_bridge", &[Element::Key(&bridge)]);
    for_each_subnet(network, &nat, |map, elements| t.delete_elements(map, elements));
    if network.internal {
        t.delete_elements("from_internal", &[Element::Key(&bridge)]);
        t.delete_chain(&from);
    }
    t.delete_chain(&to);
    t.delete_chain(&nat);
}

/// Chains for packets into the bridge, for translation of sources, and for packets from an internal network.
fn chain_names(bridge: &str) -> (String, String, String) {
    (format!("to_{bridge}"), format!("nat_{bridge}"), format!("from_{bridge}"))
}

/// Calls `change` with the map and the two elements, start and end, of each subnet.
fn for_each_subnet(network: &NetworkRules, chain: &str, mut change: impl FnMut(&str, &[Element<'_>])) {
    for subnet in &network.subnets {
        let map = if subnet.is_ipv6() { "from_subnet6" } else { "from_subnet4" };
        let start = octets(subnet.at(0));
        let verdict = Element::Verdict(&start, Verdict::Jump(chain));
        match end_of(*subnet) {
            Some(end) => change(map, &[verdict, Element::End(&end)]),
            None => change(map, &[verdict]),
        }
    }
}

/// The first address after a subnet; `None` after the last of all.
fn end_of(subnet: Subnet) -> Option<Vec<u8>> {
    let last = subnet.at(u128::MAX);
    match last {
        IpAddr::V4(a) => u32::from(a).checked_add(1).map(|a| a.to_be_bytes().to_vec()),
        IpAddr::V6(a) => u128::from(a).checked_add(1).map(|a| a.to_be_bytes().to_vec()),
    }
}

/// An address in network byte order.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_subnets() {
        assert_eq!(end_of("172.17.3.0/16".parse().unwrap()), Some(vec![172, 18, 0, 0]));
        assert_eq!(end_of("255.255.0.0/16".parse().unwrap()), None);
        assert_eq!(end_of("fd00::/64".parse().unwrap()).unwrap()[..8], [0xfd, 0, 0, 0, 0, 0, 0, 1]);
    }
}
