//! Neighbours (which Ethernet address an IP address has) and bridges' forwarding entries (behind which port an
//! Ethernet address is).

use std::net::IpAddr;

use super::address::{family, parse_ip, with_octets};
use super::message::{Batch, CREATE, DUMP, REPLACE};
use super::parse::{Message, attributes, u16_at, u32_at};
use super::socket::{Error, Socket};

const NEW_NEIGHBOUR: u16 = 28;
const DELETE_NEIGHBOUR: u16 = 29;
const GET_NEIGHBOUR: u16 = 30;
// `NDA_*`
const DESTINATION: u16 = 1;
const LINK_ADDRESS: u16 = 2;
/// `NUD_PERMANENT`
const PERMANENT: u16 = 0x80;
/// `NUD_NOARP`: with `NTF_MASTER` a static forwarding entry.
const STATIC: u16 = 0x40;
/// `NTF_MASTER`: the entry is the bridge's that the interface is a port of.
const OF_MASTER: u8 = 0x04;

/// `struct ndmsg`
fn header(family: u8, index: u32, state: u16, flags: u8) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[0] = family;
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..10].copy_from_slice(&state.to_ne_bytes());
    bytes[10] = flags;
    bytes
}

/// Adds a permanent neighbour of the interface with this index.
pub fn push_neighbour(batch: &mut Batch, index: u32, address: IpAddr, mac: [u8; 6]) {
    batch.push(NEW_NEIGHBOUR, CREATE | REPLACE, &header(family(address), index, PERMANENT, 0), |a| {
        with_octets(address, |octets| a.bytes(DESTINATION, octets));
        a.bytes(LINK_ADDRESS, &mac);
    });
}

/// Adds the removal of a neighbour.
pub fn push_delete_neighbour(batch: &mut Batch, index: u32, address: IpAddr) {
    batch.push(DELETE_NEIGHBOUR, 0, &header(family(address), index, 0, 0), |a| {
        with_octets(address, |octets| a.bytes(DESTINATION, octets));
    });
}

/// Adds a static forwarding entry: `mac` is behind the port with this index.
pub fn push_forwarding(batch: &mut Batch, port: u32, mac: [u8; 6]) {
    batch.push(NEW_NEIGHBOUR, CREATE | REPLACE, &header(super::BRIDGE, port, STATIC, OF_MASTER), |a| {
        a.bytes(LINK_ADDRESS, &mac);
    });
}

/// Addresses of the permanent neighbours of the interface with this index.
pub fn permanent_neighbours(socket: &mut Socket, index: u32) -> Result<Vec<IpAddr>, Error> {
    let mut request = Batch::new();
    request.push(GET_NEIGHBOUR, DUMP, &header(0, 0, 0, 0), |_| ());
    let found = std::cell::RefCell::new(Vec::new());
    let each = |m: &Message<'_>| found.borrow_mut().extend(parse(m).filter(|(i, _)| *i == index).map(|(_, a)| a));
    socket.query(&request, || found.borrow_mut().clear(), each)?;
    Ok(found.into_inner())
}

/// Interface and address of a permanent neighbour.
pub(super) fn parse(message: &Message<'_>) -> Option<(u32, IpAddr)> {
    let permanent = message.kind == NEW_NEIGHBOUR && u16_at(message.payload, 8)? & PERMANENT != 0;
    let address = attributes(message.payload, 12).get(DESTINATION).and_then(|a| parse_ip(a.value));
    if permanent { Some((u32_at(message.payload, 4)?, address?)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ip neighbour replace 172.18.0.2 lladdr 02:42:ac:12:00:02 dev #4` and `bridge fdb replace … master static`.
    #[test]
    fn layout() {
        let mut batch = Batch::new();
        push_neighbour(&mut batch, 4, [172, 18, 0, 2].into(), [2, 0x42, 172, 18, 0, 2]);
        push_forwarding(&mut batch, 5, [2, 0x42, 172, 18, 0, 2]);
        let expected = [
            48, 0, 0, 0, 28, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, // header
            2, 0, 0, 0, 4, 0, 0, 0, 0x80, 0, 0, 0, // ndmsg
            8, 0, 1, 0, 172, 18, 0, 2, 10, 0, 2, 0, 2, 0x42, 172, 18, 0, 2, 0, 0, //
            40, 0, 0, 0, 28, 0, 1, 5, 1, 0, 0, 0, 0, 0, 0, 0, // header
            7, 0, 0, 0, 5, 0, 0, 0, 0x40, 0, 4, 0, // ndmsg
            10, 0, 2, 0, 2, 0x42, 172, 18, 0, 2, 0, 0,
        ];
        assert_eq!(batch.as_bytes(), expected);
        let parsed: Vec<_> = crate::netlink::messages(batch.as_bytes()).map(|m| parse(&m.unwrap())).collect();
        assert_eq!(parsed, [Some((4, [172, 18, 0, 2].into())), None]);
    }
}
