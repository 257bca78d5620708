//! The bridge device itself.

use std::net::{IpAddr, Ipv6Addr};

use teu_sys::netlink::{
    self, Address, Batch, Family, Link, LinkChange, LinkRef, Socket, addresses, link_by_name, links, push_address,
    push_alias, push_delete_address, push_delete_link, push_link_change, push_no_automatic_address, push_no_snooping,
};
use teu_sys::netns::write_sysctl;

use super::Settings;
use super::settings::{MARK_END, mark_prefix};
use crate::error::refused;
use crate::host::has_ipv6;
use crate::{Error, MacAddress};

/// Makes the device, or brings an existing one into the state that the settings ask for. Returns its index.
pub(super) fn set_up(settings: &Settings) -> Result<u32, Error> {
    let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let action = format!("set up bridge {}", settings.name);
    let link = match link_by_name(&mut socket, &settings.name).map_err(refused(&action))? {
        Some(link) if link.kind != "bridge" => {
            return Err(Error::InvalidConfig(format!("{} exists and is no bridge", settings.name)));
        }
        // Its addresses would be replaced, and it would be removed with the network.
        Some(link) if settings.user_defined && !is_marked(&link, settings) => {
            return Err(Error::InvalidConfig(format!("bridge {} exists and belongs to somebody else", settings.name)));
        }
        Some(link) => link,
        None => create(&mut socket, settings).map_err(refused(&action))?,
    };
    adjust(&mut socket, settings, &link).map_err(refused(&action))?;
    set_sysctls(&settings.name);
    Ok(link.index)
}

/// Whether a device is this network's, by the id in its mark: the engine's default bridge may have another name since.
fn is_marked(link: &Link, settings: &Settings) -> bool {
    let id = |mark: &str| mark.rsplit_once(MARK_END).map(|(_, id)| id.to_owned());
    let own = id(&settings.mark);
    own.is_some() && id(&link.alias) == own
}

fn create(socket: &mut Socket, settings: &Settings) -> Result<Link, netlink::Error> {
    let mut batch = Batch::new();
    netlink::push_bridge(
        &mut batch,
        &netlink::Bridge { name: &settings.name, mac: mac(settings).0, mtu: settings.mtu },
    );
    // The kernel works a batch off whatever becomes of this process: no bridge is left without its mark.
    push_alias(&mut batch, LinkRef::Name(&settings.name), &settings.mark);
    if has_ipv6() {
        push_no_automatic_address(&mut batch, LinkRef::Name(&settings.name));
    }
    socket.execute(batch)?;
    link_by_name(socket, &settings.name)?.ok_or(netlink::Error::NoReply)
}

/// The same address at every start, so that what containers know about their gateway stays true.
pub(super) fn mac(settings: &Settings) -> MacAddress {
    match (settings.ipv4.map(|s| s.address()), settings.ipv6.map(|s| s.address())) {
        (Some(IpAddr::V4(a)), _) => MacAddress::from_ipv4(a),
        (_, Some(IpAddr::V6(a))) => {
            let o = a.octets();
            MacAddress::from_random([o[10], o[11], o[12], o[13], o[14], o[15]])
        }
        _ => MacAddress::from_random([0; 6]),
    }
}

fn adjust(socket: &mut Socket, settings: &Settings, link: &Link) -> Result<(), netlink::Error> {
    let present: Vec<_> = addresses(socket)?.into_iter().filter(|a| a.index == link.index).collect();
    let link_local =
        Address { index: link.index, address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into(), prefix: 64 };
    let mut wanted: Vec<_> = [settings.ipv4, settings.ipv6]
        .into_iter()
        .flatten()
        .map(|s| Address { index: link.index, address: s.address(), prefix: s.prefix() })
        .collect();
    wanted.extend(settings.ipv6.map(|_| link_local));
    let mut batch = Batch::new();
    // Where nobody queries, all ports get all multicast anyway. But whenever a port comes or goes, the kernel restarts
    // the query timers of all others.
    push_no_snooping(&mut batch, link.index);
    let change = LinkChange {
        up: (!link.up).then_some(true),
        mac: (link.mac != Some(mac(settings).0)).then_some(mac(settings).0),
        mtu: (link.mtu != settings.mtu).then_some(settings.mtu),
        ..LinkChange::default()
    };
    if settings.user_defined && link.alias != settings.mark {
        push_alias(&mut batch, LinkRef::Index(link.index), &settings.mark);
    }
    if change != LinkChange::default() {
        push_link_change(&mut batch, LinkRef::Index(link.index), change);
    }
    wanted.iter().filter(|a| !present.contains(a)).for_each(|a| push_address(&mut batch, *a));
    // An address of an earlier configuration would attract traffic of its old subnet.
    present.iter().filter(|a| !wanted.contains(a)).for_each(|a| push_delete_address(&mut batch, *a));
    socket.execute(batch)
}

/// `route_localnet` lets the host's 127.0.0.1 be translated to a container; the packet filter sees to it that nobody
/// else makes use of it. Routers' announcements have no business on a bridge of our own.
fn set_sysctls(bridge: &str) {
    for (name, value) in
        [(format!("net/ipv4/conf/{bridge}/route_localnet"), "1"), (format!("net/ipv6/conf/{bridge}/accept_ra"), "0")]
    {
        if let Err(error) = write_sysctl(&name, value) {
            tracing::debug!(%error, "sysctl not set");
        }
    }
}

/// Removes the device.
pub(super) fn remove(settings: &Settings) -> Result<(), Error> {
    let action = format!("remove bridge {}", settings.name);
    let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let Some(link) = link_by_name(&mut socket, &settings.name).map_err(refused(&action))? else { return Ok(()) };
    let mut batch = Batch::new();
    push_delete_link(&mut batch, link.index);
    socket.execute(batch).map_err(refused(&action))
}

/// Removes the bridges that an engine made, by its mark, and has no network for: it died while it made or removed one.
/// `known` are names of those it has.
pub(crate) fn remove_strays(engine: &str, known: &[String]) -> Result<(), Error> {
    let mark = mark_prefix(engine);
    let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let all = links(&mut socket).map_err(refused("list links"))?;
    for link in all.iter().filter(|l| l.kind == "bridge" && l.alias.starts_with(&mark) && !known.contains(&l.name)) {
        tracing::warn!(bridge = link.name, "a bridge of a network that was half made or half removed is removed");
        let mut batch = Batch::new();
        push_delete_link(&mut batch, link.index);
        socket.execute(batch).map_err(refused(&format!("remove bridge {}", link.name)))?;
    }
    Ok(())
}
