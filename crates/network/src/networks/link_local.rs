//! Addresses of a link that containers have beside those of their network.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use teu_sys::netlink::{Address, Batch, Family, Socket, link_by_name, push_address};
use teu_sys::netns;

use crate::Error;
use crate::error::{refused, system};

/// 169.254.0.0/16 (RFC 3927) and fe80::/64 (RFC 4291 2.5.6).
const PREFIXES: [u8; 2] = [16, 64];

/// Gives an interface of a namespace these addresses.
pub(super) fn add(namespace: BorrowedFd<'_>, interface: Option<&str>, addresses: &[IpAddr]) -> Result<(), Error> {
    let Some(interface) = interface.filter(|_| !addresses.is_empty()) else { return Ok(()) };
    let action = format!("add link-local addresses to {interface}");
    let mut socket = netns::run_in(namespace, || Ok(Socket::open(Family::Route)))
        .map_err(system(&action))?
        .map_err(refused(&action))?;
    let Some(link) = link_by_name(&mut socket, interface).map_err(refused(&action))? else { return Ok(()) };
    let mut batch = Batch::new();
    for address in addresses {
        let prefix = PREFIXES[usize::from(address.is_ipv6())];
        push_address(&mut batch, Address { index: link.index, address: *address, prefix });
    }
    socket.execute(batch).map_err(refused(&action))
}
