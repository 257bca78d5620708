//! Reconciling a bridge's ports with the endpoints that should be there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use rustix::io::Errno;
use teu_sys::netlink::{
    self, Batch, Family, Link, LinkChange, LinkRef, Socket, delete_links, links, permanent_neighbours,
    push_delete_neighbour, push_link_change, push_port_options, push_settle_link,
};

use super::{Bridge, Found, ready};
use crate::error::refused;
use crate::{Endpoint, Error};

/// Group for the removal of leftovers, see [`delete_links`]; not the reaper's, which may be at work.
const GROUP: u32 = 0x0074_6576;

/// How often links are looked at anew of which some go meanwhile.
const ATTEMPTS: u32 = 10;

/// Full diff: endpoints without a link are reported, links without an endpoint removed, links that lost their bridge
/// or their neighbours are put right.
pub(super) fn reconcile(bridge: &Bridge, endpoints: &[&Endpoint]) -> Result<Found, Error> {
    while_links_go(|| reconcile_once(bridge, endpoints))
}

/// Does it `once`, and anew if a link has gone meanwhile: a container has ended since, and its link with it.
fn while_links_go<T>(mut once: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match once() {
            Err(error) if error.is_errno(Errno::NODEV) && attempts > 0 => {}
            other => return other,
        }
    }
}

fn reconcile_once(bridge: &Bridge, endpoints: &[&Endpoint]) -> Result<Found, Error> {
    let action = format!("reconcile ports of bridge {}", bridge.settings.name);
    let mut socket = Socket::open(Family::Route).map_err(refused("open netlink"))?;
    let all = links(&mut socket).map_err(refused(&action))?;
    let by_name: BTreeMap<&str, &Link> = all.iter().map(|l| (l.name.as_str(), l)).collect();
    let mut found = Found::default();
    let mut batch = Batch::new();
    for (place, endpoint) in endpoints.iter().enumerate() {
        let link = endpoint.host_interface.as_deref().and_then(|name| by_name.get(name));
        match link {
            Some(link) => repair(&mut batch, bridge, endpoint, link),
            None => found.lost.push(place),
        }
        found.links.push(link.map(|l| l.index));
    }
    forget_neighbours(&mut socket, &mut batch, bridge, endpoints).map_err(refused(&action))?;
    push_settle_link(&mut batch, bridge.index);
    socket.execute(batch).map_err(refused(&action))?;
    found.removed = remove_leftovers(&mut socket, bridge, endpoints, &all).map_err(refused(&action))?;
    Ok(found)
}

fn repair(batch: &mut Batch, bridge: &Bridge, endpoint: &Endpoint, link: &Link) {
    if link.master != Some(bridge.index) || !link.up {
        let change = LinkChange { master: Some(bridge.index), up: Some(true), ..LinkChange::default() };
        push_link_change(batch, LinkRef::Index(link.index), change);
        push_port_options(batch, link.index, bridge.settings.port_options());
        push_settle_link(batch, link.index);
    }
    if let Some(mac) = endpoint.mac {
        ready::push_neighbours(batch, bridge.index, link.index, endpoint.lease(), mac);
    }
}

/// Neighbours of endpoints that are no more.
fn forget_neighbours(
    socket: &mut Socket,
    batch: &mut Batch,
    bridge: &Bridge,
    endpoints: &[&Endpoint],
) -> Result<(), netlink::Error> {
    let live: BTreeSet<IpAddr> =
        endpoints.iter().flat_map(|e| [e.ipv4, e.ipv6]).flatten().map(|s| s.address()).collect();
    let subnets: Vec<_> = [bridge.settings.ipv4, bridge.settings.ipv6].into_iter().flatten().collect();
    for address in permanent_neighbours(socket, bridge.index)? {
        if !live.contains(&address) && subnets.iter().any(|s| s.contains(address)) {
            push_delete_neighbour(batch, bridge.index, address);
        }
    }
    Ok(())
}

/// Ports that an earlier run made and no container has. Other ports (a virtual machine's, say) are left alone.
fn remove_leftovers(
    socket: &mut Socket,
    bridge: &Bridge,
    endpoints: &[&Endpoint],
    all: &[Link],
) -> Result<Vec<String>, netlink::Error> {
    let owned: BTreeSet<&str> = endpoints.iter().filter_map(|e| e.host_interface.as_deref()).collect();
    let leftovers: Vec<_> = all
        .iter()
        .filter(|l| l.master == Some(bridge.index) && l.kind == "veth" && is_ours(&l.name))
        .filter(|l| !owned.contains(l.name.as_str()))
        .collect();
    if !leftovers.is_empty() {
        let indexes: Vec<u32> = leftovers.iter().map(|l| l.index).collect();
        delete_links(socket, &indexes, GROUP)?;
    }
    Ok(leftovers.into_iter().map(|l| l.name.clone()).collect())
}

fn is_ours(name: &str) -> bool {
    let digits = name.strip_prefix(ready::PREFIX);
    digits.is_some_and(|d| d.len() == 8 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustix::io::Errno;
    use teu_sys::netlink;

    use super::{is_ours, while_links_go};
    use crate::Error;
    use crate::error::refused;

    /// What comes of a reconciliation that the kernel refuses like this, time after time, and how often it was tried.
    fn tried(refusals: &[Errno]) -> (Result<(), Error>, usize) {
        let mut count = 0;
        let result = while_links_go(|| {
            count += 1;
            let Some(errno) = refusals.get(count - 1) else { return Ok(()) };
            let source = io::Error::from_raw_os_error(errno.raw_os_error());
            Err(refused("reconcile")(netlink::Error::Refused { index: 0, source, hint: None }))
        });
        (result, count)
    }

    #[test]
    fn a_link_that_goes_meanwhile_is_no_failure() {
        assert!(matches!(tried(&[]), (Ok(()), 1)));
        assert!(matches!(tried(&[Errno::NODEV; 3]), (Ok(()), 4)));
        // Not for ever, and nothing else is tried again.
        let (result, count) = tried(&[Errno::NODEV; 20]);
        assert!(result.is_err_and(|error| error.is_errno(Errno::NODEV)));
        assert_eq!(count, 10);
        let (result, count) = tried(&[Errno::NODEV, Errno::PERM]);
        assert!(result.is_err_and(|error| error.is_errno(Errno::PERM)));
        assert_eq!(count, 2);
    }

    #[test]
    fn names_of_our_links() {
        assert!(is_ours("veth0123abcd"));
        assert!(!is_ours("veth0123abc"));
        assert!(!is_ours("vethtest"));
        assert!(!is_ours("tap0"));
    }
}
