//! Connections that the packet filter tracks.
//!
//! Formats: `linux/netfilter/nfnetlink_conntrack.h`.

use std::net::IpAddr;

use super::address::parse_ip;
use super::message::{Batch, DUMP};
use super::parse::{Attribute, AttributeIter, Message, attributes};
use super::socket::{Error, Socket};

/// `NFNL_SUBSYS_CTNETLINK` with `IPCTNL_MSG_CT_NEW`, `_GET`, `_DELETE`.
const NEW: u16 = 1 << 8;
const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
// `CTA_TUPLE_ORIG`, `CTA_TUPLE_REPLY`
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
// `CTA_TUPLE_IP`, `CTA_TUPLE_PROTO`
const ADDRESSES: u16 = 1;
const PROTOCOL: u16 = 2;
// `CTA_PROTO_NUM`, `CTA_PROTO_SRC_PORT`, `CTA_PROTO_DST_PORT`
const NUMBER: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;
/// Size of `struct nfgenmsg`.
const HEADER: usize = 4;
/// Deletions per system call.
const DELETIONS: usize = 256;

/// One direction of a tracked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// IP protocol number.
    pub protocol: u8,
    /// Source address and port.
    pub source: (IpAddr, u16),
    /// Destination address and port.
    pub destination: (IpAddr, u16),
}

/// Forgets the connections of which `matches` says so, given the first packet's direction and the answers' direction:
/// for a translated connection the latter has the addresses it was translated to. Returns how many there were.
pub fn forget_connections(socket: &mut Socket, matches: impl Fn(&Flow, &Flow) -> bool) -> Result<usize, Error> {
    let mut request = Batch::new();
    request.push(GET, DUMP, &[0; HEADER], |_| ());
    let mut deletions = vec![Batch::new()];
    socket.query(
        &request,
        || (),
        |message| {
            let Some((original, reply, tuple)) = parse(message) else { return };
            if matches(&original, &reply) {
                if deletions.last().is_some_and(|b| b.len() >= DELETIONS) {
                    deletions.push(Batch::new());
                }
                if let Some(batch) = deletions.last_mut() {
                    batch.push(DELETE, 0, &message.payload[..HEADER], |a| a.nested_bytes(ORIGINAL, tuple));
                }
            }
        },
    )?;
    let count = deletions.iter().map(Batch::len).sum();
    for batch in deletions {
        match socket.execute(batch) {
            // It ended by itself meanwhile.
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => {}
            other => other?,
        }
    }
    Ok(count)
}

/// Both directions, and the original one as it was encoded.
pub(super) fn parse<'a>(message: &Message<'a>) -> Option<(Flow, Flow, &'a [u8])> {
    if message.kind != NEW || message.payload.len() < HEADER {
        return None;
    }
    let attribute = |kind| attributes(message.payload, HEADER).get(kind);
    let original = attribute(ORIGINAL)?;
    Some((flow(&original)?, flow(&attribute(REPLY)?)?, original.value))
}

fn flow(tuple: &Attribute<'_>) -> Option<Flow> {
    let addresses = tuple.nested().get(ADDRESSES)?.nested();
    let protocol = tuple.nested().get(PROTOCOL)?.nested();
    // `CTA_IP_V4_SRC`, `_DST`, `CTA_IP_V6_SRC`, `_DST`
    let address = |v4, v6| {
        let attribute = addresses.clone().get(v4).or_else(|| addresses.clone().get(v6))?;
        parse_ip(attribute.value)
    };
    Some(Flow {
        protocol: *protocol.clone().get(NUMBER)?.value.first()?,
        source: (address(1, 3)?, port(&protocol, SOURCE_PORT)),
        destination: (address(2, 4)?, port(&protocol, DESTINATION_PORT)),
    })
}

/// 0 for protocols without ports.
fn port(protocol: &AttributeIter<'_>, kind: u16) -> u16 {
    let value = protocol.clone().get(kind).and_then(|a| a.value.get(..2)?.try_into().ok());
    value.map_or(0, u16::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(a: &mut super::super::Attributes<'_>, kind: u16, source: [u8; 4], destination: [u8; 4]) {
        a.nest(kind, |a| {
            a.nest(ADDRESSES, |a| {
                a.bytes(1, &source);
                a.bytes(2, &destination);
            });
            a.nest(PROTOCOL, |a| {
                a.u8(NUMBER, 17);
                a.bytes(SOURCE_PORT, &1000u16.to_be_bytes());
                a.bytes(DESTINATION_PORT, &53u16.to_be_bytes());
            });
        });
    }

    #[test]
    fn both_directions() {
        let mut batch = Batch::new();
        batch.push(NEW, 0, &[2, 0, 0, 0], |a| {
            tuple(a, ORIGINAL, [10, 0, 0, 1], [10, 0, 0, 2]);
            tuple(a, REPLY, [172, 17, 0, 2], [10, 0, 0, 1]);
        });
        let message = crate::netlink::messages(batch.as_bytes()).next().unwrap().unwrap();
        let (original, reply, raw) = parse(&message).unwrap();
        assert_eq!(original.destination, ([10, 0, 0, 2].into(), 53));
        assert_eq!(reply.source.0, IpAddr::from([172, 17, 0, 2]));
        assert_eq!((original.protocol, raw.len()), (17, 48));
        for end in 0..message.payload.len() {
            parse(&Message { payload: &message.payload[..end], ..message });
        }
    }
}
