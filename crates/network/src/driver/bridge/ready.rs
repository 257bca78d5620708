//! Endpoints that wait for their container.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use teu_oci::runtime::IdMaps;
use teu_sys::netlink::{
    Address, Batch, Family, Link, LinkChange, LinkRef, Socket, Veth, link_by_name, push_address, push_default_route,
    push_delete_link, push_forwarding, push_link_change, push_neighbour, push_no_automatic_address, push_port_options,
    push_settle_link, push_veth,
};
use teu_sys::netns::{self, Created};

use super::{Bridge, device};
use crate::dns::Sockets;
use crate::error::{refused, system};
use crate::leases::Lease;
use crate::sandbox::{Made, prepare, return_home};
use crate::{Error, MacAddress};

/// Name of the interface inside.
pub(super) const INTERFACE: &str = "eth0";
/// The host's ends are called so, with eight hexadecimal digits behind.
pub(super) const PREFIX: &str = "veth";
const LINK_LOCAL_PREFIX: u8 = 64;

/// A namespace with everything a container needs.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) netns: OwnedFd,
    /// The user namespace that it belongs to, if that is not the host's.
    pub(super) user: Option<OwnedFd>,
    /// A sysfs of it, not mounted yet.
    pub(super) sysfs: Option<OwnedFd>,
    /// Name and index of the host's end of the link.
    pub(super) name: String,
    pub(super) link: u32,
    pub(super) mac: MacAddress,
    pub(super) lease: Lease,
    /// Sockets of the name server, where there is one.
    pub(super) dns: Option<Sockets>,
}

impl Ready {
    /// Whether it has this address.
    pub(super) fn holds(&self, address: Option<IpAddr>) -> bool {
        let ours = [self.lease.ipv4, self.lease.ipv6].into_iter().flatten().map(|s| s.address());
        address.is_some_and(|wanted| ours.into_iter().any(|own| own == wanted))
    }
}

/// Makes one on the calling thread, which goes into the new namespace and returns. If a step fails, the namespace is
/// closed and the kernel removes the pair with it.
pub(super) fn build(bridge: &Bridge, lease: Lease, mac: MacAddress, ids: Option<&IdMaps>) -> Result<Ready, Error> {
    let mut host = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let name = format!("{PREFIX}{}", crate::identity::hex::<4>()?);
    let inside = prepare(ids, &bridge.sysctls).map_err(system("create network namespace")).and_then(|mut made| {
        let Created { namespace, route, .. } = &mut made.created;
        let mut inside = Inside { namespace: namespace.as_fd(), route, interface: INTERFACE, is_first: true };
        let inner = connect(bridge, &mut host, &mut inside, &name, lease, mac)?;
        let dns = bridge.settings.user_defined.then(Sockets::open).transpose().map_err(system("open name server"))?;
        Ok((made, inner, dns))
    });
    return_home(&bridge.home);
    let (Made { mut created, sysfs }, inner, dns) = inside?;
    let link = inner.lower.unwrap_or_default();
    configure_outside(bridge, &mut host, (&name, link), lease, mac)
        .and_then(|()| settle(&mut created.route, inner.index))
        .map_err(refused(&format!("configure link {name}")))?;
    Ok(Ready { netns: created.namespace, user: created.user, sysfs, name, link, mac, lease, dns })
}

/// Makes another link for a container that is there already. The calling thread goes into its namespace and returns. Answers
/// with name and index of the host's end.
pub(super) fn join(
    bridge: &Bridge,
    lease: Lease,
    mac: MacAddress,
    namespace: BorrowedFd<'_>,
    interface: &str,
) -> Result<(String, u32), Error> {
    let mut host = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let name = format!("{PREFIX}{}", crate::identity::hex::<4>()?);
    let inside = netns::enter(namespace).map_err(system("enter network namespace")).and_then(|()| {
        let mut route = Socket::open(Family::Route).map_err(refused("open netlink"))?;
        let mut inside = Inside { namespace, route: &mut route, interface, is_first: false };
        let inner = connect(bridge, &mut host, &mut inside, &name, lease, mac)?;
        Ok((inner, route))
    });
    return_home(&bridge.home);
    let done = inside.and_then(|(inner, mut route)| {
        let link = inner.lower.unwrap_or_default();
        configure_outside(bridge, &mut host, (&name, link), lease, mac)
            .and_then(|()| settle(&mut route, inner.index))
            .map_err(refused(&format!("configure link {name}")))?;
        Ok(link)
    });
    if done.is_err() {
        // The namespace stays, and the link would with it.
        discard(&mut host, &name);
    }
    done.map(|link| (name, link))
}

fn discard(host: &mut Socket, name: &str) {
    let Ok(Some(link)) = link_by_name(host, name) else { return };
    let mut batch = Batch::new();
    push_delete_link(&mut batch, link.index);
    if let Err(error) = host.execute(batch) {
        tracing::warn!(link = name, %error, "a link that could not be made is left");
    }
}

/// The namespace that a link leads into.
struct Inside<'a> {
    namespace: BorrowedFd<'a>,
    /// A socket in it.
    route: &'a mut Socket,
    /// Name of the interface there.
    interface: &'a str,
    /// Whether it is the first one: the others do not lead outside.
    is_first: bool,
}

/// Makes the pair and configures the end inside, which it returns. The calling thread is in the namespace.
fn connect(
    bridge: &Bridge,
    host: &mut Socket,
    inside: &mut Inside<'_>,
    name: &str,
    lease: Lease,
    mac: MacAddress,
) -> Result<Link, Error> {
    let mut pair = Batch::new();
    push_veth(
        &mut pair,
        &Veth {
            name,
            peer_name: inside.interface,
            peer_mac: Some(mac.0),
            peer_netns: inside.namespace,
            mtu: bridge.settings.mtu,
        },
    );
    host.execute(pair).map_err(refused(&format!("create link {name} of bridge {}", bridge.settings.name)))?;
    let inner = link_by_name(inside.route, inside.interface)
        .map_err(refused("find new link"))?
        .ok_or_else(|| refused("find new link")(teu_sys::netlink::Error::NoReply))?;
    if lease.ipv6.is_none() {
        // As Docker: a network without IPv6 has no link-local addresses either, while ::1 works.
        let _ = bridge.sysctls.write(&format!("net/ipv6/conf/{}/disable_ipv6", inside.interface), "1");
    }
    configure_inside(bridge, inside, &inner, lease, mac).map_err(refused(&format!("configure link of {name}")))?;
    Ok(inner)
}

fn configure_inside(
    bridge: &Bridge,
    inside: &mut Inside<'_>,
    link: &Link,
    lease: Lease,
    mac: MacAddress,
) -> Result<(), teu_sys::netlink::Error> {
    let mut batch = Batch::new();
    let this = LinkRef::Index(link.index);
    if lease.ipv6.is_some() {
        push_no_automatic_address(&mut batch, this);
    }
    push_link_change(&mut batch, this, LinkChange { up: Some(true), ..LinkChange::default() });
    if lease.ipv6.is_some() {
        let address = link_local(mac).into();
        push_address(&mut batch, Address { index: link.index, address, prefix: LINK_LOCAL_PREFIX });
    }
    for address in [lease.ipv4, lease.ipv6].into_iter().flatten() {
        push_address(&mut batch, Address { index: link.index, address: address.address(), prefix: address.prefix() });
    }
    let settings = &bridge.settings;
    for (own, gateway) in [(settings.ipv4, settings.gateway), (settings.ipv6, settings.gateway6)] {
        let Some(gateway) = gateway else { continue };
        if inside.is_first {
            push_default_route(&mut batch, link.index, gateway);
        }
        // Thousands of containers, each with its gateway as a neighbour, would overflow the neighbour table
        // (`gc_thresh3`), which all namespaces share; permanent entries do not count.
        if own.is_some_and(|s| s.address() == gateway) {
            push_neighbour(&mut batch, link.index, gateway, device::mac(settings).0);
        }
    }
    inside.route.execute(batch)
}

/// The kernel drops what is sent over a link before it has noticed that both ends are up.
fn settle(socket: &mut Socket, link: u32) -> Result<(), teu_sys::netlink::Error> {
    let mut batch = Batch::new();
    push_settle_link(&mut batch, link);
    socket.execute(batch)
}

/// The bridge knows from the start what it would have to learn: no address resolution, no flooding.
fn configure_outside(
    bridge: &Bridge,
    socket: &mut Socket,
    (name, link): (&str, u32),
    lease: Lease,
    mac: MacAddress,
) -> Result<(), teu_sys::netlink::Error> {
    let mut batch = Batch::new();
    let this = LinkRef::Index(link);
    if bridge.host_has_ipv6 {
        // A port has no use for IPv6 of its own, and each that has it makes the tables longer that the kernel goes
        // through whenever a link comes or goes.
        if bridge.sysctls.write(&format!("net/ipv6/conf/{name}/disable_ipv6"), "1").is_err() {
            push_no_automatic_address(&mut batch, this);
        }
    }
    let change = LinkChange { up: Some(true), master: Some(bridge.index), ..LinkChange::default() };
    push_link_change(&mut batch, this, change);
    push_neighbours(&mut batch, bridge.index, link, lease, mac);
    push_port_options(&mut batch, link, bridge.settings.port_options());
    // The bridge becomes ready with its first port.
    push_settle_link(&mut batch, link);
    push_settle_link(&mut batch, bridge.index);
    socket.execute(batch)
}

/// Adds what the bridge knows about an endpoint.
pub(super) fn push_neighbours(batch: &mut Batch, bridge: u32, link: u32, lease: Lease, mac: MacAddress) {
    for address in [lease.ipv4, lease.ipv6].into_iter().flatten() {
        push_neighbour(batch, bridge, address.address(), mac.0);
    }
    push_forwarding(batch, link, mac.0);
}

/// The link-local address that belongs to a MAC address (modified EUI-64, RFC 4291 appendix A).
fn link_local(mac: MacAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses() {
        let mac = MacAddress([0x02, 0x42, 0xac, 0x11, 0x00, 0x02]);
        assert_eq!(link_local(mac).to_string(), "fe80::42:acff:fe11:2");
    }
}
