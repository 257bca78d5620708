//! Routes.

use std::net::IpAddr;

use super::address::{family, parse_ip, with_octets};
use super::message::{Batch, CREATE, DUMP, REPLACE};
use super::parse::{Message, attributes};
use super::socket::{Error, Socket};

const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
// `RTA_*`
const DESTINATION: u16 = 1;
const OUTGOING: u16 = 4;
const GATEWAY: u16 = 5;
const METRIC: u16 = 6;
const TABLE: u16 = 15;
/// `RT_TABLE_MAIN`
const TABLE_MAIN: u8 = 254;
/// `RTPROT_BOOT`, what `ip route add` uses.
const PROTOCOL_BOOT: u8 = 3;
/// `RTN_UNICAST`
const UNICAST: u8 = 1;

/// A route of the main table to a unicast destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination; `None` for the default route of IPv4 or IPv6.
    pub destination: Option<IpAddr>,
    /// Length of the destination's prefix, bits.
    pub prefix: u8,
    /// Index of the outgoing interface.
    pub outgoing: Option<u32>,
    /// Lower is preferred.
    pub metric: u32,
    /// Whether it is an IPv6 route.
    pub ipv6: bool,
}

/// Adds a default route by `gateway` through the interface with this index, in place of an existing one.
pub fn push_default_route(batch: &mut Batch, index: u32, gateway: IpAddr) {
    // `struct rtmsg`: family, both prefix lengths, type of service, table, protocol, scope, type, flags
    let header = [family(gateway), 0, 0, 0, TABLE_MAIN, PROTOCOL_BOOT, 0, UNICAST, 0, 0, 0, 0];
    batch.push(NEW_ROUTE, CREATE | REPLACE, &header, |a| {
        with_octets(gateway, |octets| a.bytes(GATEWAY, octets));
        a.u32(OUTGOING, index);
    });
}

/// Unicast routes of the main table, both families.
pub fn routes(socket: &mut Socket) -> Result<Vec<Route>, Error> {
    let mut request = Batch::new();
    request.push(GET_ROUTE, DUMP, &[0; 12], |_| ());
    let found = std::cell::RefCell::new(Vec::new());
    socket.query(&request, || found.borrow_mut().clear(), |m| found.borrow_mut().extend(parse(m)))?;
    Ok(found.into_inner())
}

pub(super) fn parse(message: &Message<'_>) -> Option<Route> {
    if message.kind != NEW_ROUTE || *message.payload.get(7)? != UNICAST {
        return None;
    }
    let attribute = |kind| attributes(message.payload, 12).get(kind);
    let table = attribute(TABLE).and_then(|a| a.u32()).unwrap_or_else(|| u32::from(message.payload[4]));
    if table != u32::from(TABLE_MAIN) {
        return None;
    }
    Some(Route {
        destination: attribute(DESTINATION).and_then(|a| parse_ip(a.value)),
        prefix: message.payload[1],
        outgoing: attribute(OUTGOING).and_then(|a| a.u32()),
        metric: attribute(METRIC).and_then(|a| a.u32()).unwrap_or(0),
        ipv6: message.payload[0] == super::INET6,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `ip route replace default via 172.18.0.1 dev #2` sends it.
    #[test]
    fn default_route_layout() {
        let mut batch = Batch::new();
        push_default_route(&mut batch, 2, [172, 18, 0, 1].into());
        let expected = [
            44, 0, 0, 0, 24, 0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, // header
            2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, // rtmsg
            8, 0, 5, 0, 172, 18, 0, 1, 8, 0, 4, 0, 2, 0, 0, 0,
        ];
        assert_eq!(batch.as_bytes(), expected);
        let message = crate::netlink::messages(batch.as_bytes()).next().unwrap().unwrap();
        assert_eq!(
            parse(&message),
            Some(Route { destination: None, prefix: 0, outgoing: Some(2), metric: 0, ipv6: false })
        );
    }

    #[test]
    fn short_messages_are_no_routes() {
        for length in 0..12 {
            let message = Message { kind: NEW_ROUTE, flags: 0, sequence: 0, payload: &[1; 12][..length] };
            assert_eq!(parse(&message), None);
        }
    }
}
