//! Interface addresses.

use std::net::IpAddr;

use super::message::{Batch, CREATE, DUMP, REPLACE};
use super::parse::{Message, attributes, u32_at};
use super::socket::{Error, Socket};

const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;
// `IFA_*`
const ADDRESS: u16 = 1;
const LOCAL: u16 = 2;
const BROADCAST: u16 = 4;
/// `IFA_F_NODAD`: usable at once, without asking the neighbours first.
const NO_DUPLICATE_DETECTION: u8 = 2;
/// `RT_SCOPE_LINK`
const SCOPE_LINK: u8 = 253;

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Interface index.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Length of the subnet's prefix, bits.
    pub prefix: u8,
}

impl Address {
    /// `struct ifaddrmsg`
    fn header(&self) -> [u8; 8] {
        let (scope, flags) = match self.address {
            IpAddr::V4(_) => (0, 0),
            IpAddr::V6(a) => (if a.is_unicast_link_local() { SCOPE_LINK } else { 0 }, NO_DUPLICATE_DETECTION),
        };
        let mut bytes = [family(self.address), self.prefix, flags, scope, 0, 0, 0, 0];
        bytes[4..].copy_from_slice(&self.index.to_ne_bytes());
        bytes
    }

    /// The subnet's broadcast address; none in subnets of one or two addresses (RFC 3021).
    fn broadcast(&self) -> Option<[u8; 4]> {
        match self.address {
            IpAddr::V4(a) if self.prefix < 31 => Some((u32::from(a) | u32::MAX >> self.prefix).to_be_bytes()),
            _ => None,
        }
    }
}

/// Address family number.
pub(super) fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { super::INET } else { super::INET6 }
}

/// Calls `f` with the address in network byte order.
pub(super) fn with_octets<R>(address: IpAddr, f: impl FnOnce(&[u8]) -> R) -> R {
    match address {
        IpAddr::V4(a) => f(&a.octets()),
        IpAddr::V6(a) => f(&a.octets()),
    }
}

/// Adds giving an interface an address. An address that is there already is left as it is.
pub fn push_address(batch: &mut Batch, address: Address) {
    batch.push(NEW_ADDRESS, CREATE | REPLACE, &address.header(), |a| {
        with_octets(address.address, |octets| {
            a.bytes(LOCAL, octets);
            a.bytes(ADDRESS, octets);
        });
        if let Some(broadcast) = address.broadcast() {
            a.bytes(BROADCAST, &broadcast);
        }
    });
}

/// Adds taking an address from an interface.
pub fn push_delete_address(batch: &mut Batch, address: Address) {
    batch.push(DELETE_ADDRESS, 0, &address.header(), |a| {
        with_octets(address.address, |octets| a.bytes(LOCAL, octets));
    });
}

/// All addresses of the socket's namespace.
pub fn addresses(socket: &mut Socket) -> Result<Vec<Address>, Error> {
    let mut request = Batch::new();
    request.push(GET_ADDRESS, DUMP, &[0; 8], |_| ());
    let found = std::cell::RefCell::new(Vec::new());
    socket.query(&request, || found.borrow_mut().clear(), |m| found.borrow_mut().extend(parse(m)))?;
    Ok(found.into_inner())
}

pub(super) fn parse(message: &Message<'_>) -> Option<Address> {
    if message.kind != NEW_ADDRESS {
        return None;
    }
    let prefix = *message.payload.get(1)?;
    let index = u32_at(message.payload, 4)?;
    // On links between two hosts `IFA_ADDRESS` is the other side's: the local one has precedence.
    let value = attributes(message.payload, 8).get(LOCAL).or(attributes(message.payload, 8).get(ADDRESS))?.value;
    Some(Address { index, address: parse_ip(value)?, prefix })
}

/// An address in network byte order.
pub(super) fn parse_ip(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ip address replace 172.18.0.2/16 brd + dev #2` sends it.
    #[test]
    fn ipv4_layout() {
        let mut batch = Batch::new();
        push_address(&mut batch, Address { index: 2, address: [172, 18, 0, 2].into(), prefix: 16 });
        let expected = [
            48, 0, 0, 0, 20, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, // header
            2, 16, 0, 0, 2, 0, 0, 0, // ifaddrmsg
            8, 0, 2, 0, 172, 18, 0, 2, 8, 0, 1, 0, 172, 18, 0, 2, 8, 0, 4, 0, 172, 18, 255, 255,
        ];
        assert_eq!(batch.as_bytes(), expected);
        let message = crate::netlink::messages(batch.as_bytes()).next().unwrap().unwrap();
        assert_eq!(parse(&message), Some(Address { index: 2, address: [172, 18, 0, 2].into(), prefix: 16 }));
    }

    #[test]
    fn ipv6_skips_duplicate_detection() {
        let address = Address { index: 2, address: "fe80::1".parse().unwrap(), prefix: 64 };
        assert_eq!(address.header(), [10, 64, 2, 253, 2, 0, 0, 0]);
        assert_eq!(address.broadcast(), None);
    }
}
