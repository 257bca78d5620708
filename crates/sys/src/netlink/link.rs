//! Links: bridges, veth pairs, their properties and removal.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::message::{Attributes, Batch, CREATE, DUMP, EXCLUSIVE};
use super::parse::{Message, attributes, u32_at};
use super::socket::{Error, Socket};

const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;

// `IFLA_*`
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const LINK: u16 = 5;
const MASTER: u16 = 10;
const PROTOCOL_INFO: u16 = 12;
const LINK_INFO: u16 = 18;
const ALIAS: u16 = 20;
const FAMILY_SPEC: u16 = 26;
const GROUP: u16 = 27;
const NETNS_FD: u16 = 28;
const EXTENSIONS: u16 = 29;
const TX_QUEUES: u16 = 31;
const RX_QUEUES: u16 = 32;
// `IFLA_INFO_*`
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
/// `IFLA_BR_MCAST_SNOOPING`
const BRIDGE_SNOOPING: u16 = 23;
/// `VETH_INFO_PEER`
const VETH_PEER: u16 = 1;
/// `IFLA_INET6_ADDR_GEN_MODE`, and its value `IN6_ADDR_GEN_MODE_NONE`.
const ADDRESS_GENERATION: (u16, u8) = (8, 1);
/// `IFLA_BRPORT_MODE` and `IFLA_BRPORT_ISOLATED`
const PORT_HAIRPIN: u16 = 4;
const PORT_ISOLATED: u16 = 33;
/// `RTEXT_FILTER_SKIP_STATS`: statistics are most of a link's description and are not wanted here.
const SKIP_STATISTICS: u32 = 8;

const UP: u32 = libc::IFF_UP as u32;

/// `struct ifinfomsg`
fn header(family: u8, index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[0] = family;
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&change.to_ne_bytes());
    bytes
}

/// A link as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Interface index.
    pub index: u32,
    /// Whether it is up.
    pub up: bool,
    /// Interface name.
    pub name: String,
    /// Hardware address, if it has an Ethernet one.
    pub mac: Option<[u8; 6]>,
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Index of the link it belongs to; for a veth, its peer in the peer's namespace.
    pub lower: Option<u32>,
    /// Kind (`bridge`, `veth`), empty for hardware.
    pub kind: String,
    /// What somebody wrote down about it (`ip link set alias`), as a rule nothing.
    pub alias: String,
}

/// Parses the payload of an `RTM_NEWLINK`.
pub(super) fn parse(message: &Message<'_>) -> Option<Link> {
    if message.kind != NEW_LINK {
        return None;
    }
    let mut link =
        Link { index: u32_at(message.payload, 4)?, up: u32_at(message.payload, 8)? & UP != 0, ..Link::default() };
    for attribute in attributes(message.payload, 16) {
        match attribute.kind {
            ADDRESS => link.mac = attribute.value.try_into().ok(),
            NAME => link.name = attribute.string(),
            ALIAS => link.alias = attribute.string(),
            MTU => link.mtu = attribute.u32()?,
            LINK => link.lower = attribute.u32(),
            MASTER => link.master = attribute.u32(),
            LINK_INFO => link.kind = attribute.nested().get(INFO_KIND).map(|a| a.string()).unwrap_or_default(),
            _ => {}
        }
    }
    Some(link)
}

/// All links of the socket's namespace.
pub fn links(socket: &mut Socket) -> Result<Vec<Link>, Error> {
    let mut request = Batch::new();
    request.push(GET_LINK, DUMP, &header(0, 0, 0, 0), |a| a.u32(EXTENSIONS, SKIP_STATISTICS));
    let found = std::cell::RefCell::new(Vec::new());
    socket.query(&request, || found.borrow_mut().clear(), |m| found.borrow_mut().extend(parse(m)))?;
    Ok(found.into_inner())
}

/// The link of this name; `None` if there is none.
pub fn link_by_name(socket: &mut Socket, name: &str) -> Result<Option<Link>, Error> {
    let mut request = Batch::new();
    request.push(GET_LINK, 0, &header(0, 0, 0, 0), |a| {
        a.string(NAME, name);
        a.u32(EXTENSIONS, SKIP_STATISTICS);
    });
    let mut found = None;
    match socket.query(&request, || (), |m| found = parse(m).or(found.take())) {
        Err(error) if error.errno() == Some(rustix::io::Errno::NODEV) => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(found),
    }
}

/// A bridge to be made.
#[derive(Clone, Copy, Debug)]
pub struct Bridge<'a> {
    /// Interface name.
    pub name: &'a str,
    /// Its address; a bridge without one takes the lowest of its ports' and changes it as they come and go.
    pub mac: [u8; 6],
    /// Maximum transmission unit, bytes.
    pub mtu: u32,
}

/// Adds the creation of a bridge, down.
pub fn push_bridge(batch: &mut Batch, bridge: &Bridge<'_>) {
    batch.push(NEW_LINK, CREATE | EXCLUSIVE, &header(0, 0, 0, 0), |a| {
        a.string(NAME, bridge.name);
        a.bytes(ADDRESS, &bridge.mac);
        a.u32(MTU, bridge.mtu);
        a.nest(LINK_INFO, |a| a.string(INFO_KIND, "bridge"));
    });
}

/// Adds: the bridge with this index does not listen to who wants which multicast, all ports get it.
pub fn push_no_snooping(batch: &mut Batch, bridge: u32) {
    batch.push(NEW_LINK, 0, &header(0, bridge, 0, 0), |a| {
        a.nest(LINK_INFO, |a| {
            a.string(INFO_KIND, "bridge");
            a.nest(INFO_DATA, |a| a.u8(BRIDGE_SNOOPING, 0));
        });
    });
}

/// A veth pair to be made: one end here, the other in another namespace.
#[derive(Clone, Copy, Debug)]
pub struct Veth<'a> {
    /// Name of the end in the socket's namespace.
    pub name: &'a str,
    /// Name of the other end.
    pub peer_name: &'a str,
    /// Hardware address of the other end.
    pub peer_mac: Option<[u8; 6]>,
    /// Namespace of the other end.
    pub peer_netns: BorrowedFd<'a>,
    /// Maximum transmission unit of both, bytes.
    pub mtu: u32,
}

/// Adds the creation of a veth pair, both ends down. One queue each: the default is one per possible processor, and
/// only XDP would use them.
pub fn push_veth(batch: &mut Batch, veth: &Veth<'_>) {
    batch.push(NEW_LINK, CREATE | EXCLUSIVE, &header(0, 0, 0, 0), |a| {
        a.string(NAME, veth.name);
        a.u32(MTU, veth.mtu);
        a.u32(TX_QUEUES, 1);
        a.u32(RX_QUEUES, 1);
        a.nest(LINK_INFO, |a| {
            a.string(INFO_KIND, "veth");
            a.nest(INFO_DATA, |a| {
                a.nest_after(VETH_PEER, &header(0, 0, 0, 0), |a| {
                    a.string(NAME, veth.peer_name);
                    a.u32(MTU, veth.mtu);
                    a.u32(TX_QUEUES, 1);
                    a.u32(RX_QUEUES, 1);
                    if let Some(mac) = veth.peer_mac {
                        a.bytes(ADDRESS, &mac);
                    }
                    a.u32(NETNS_FD, veth.peer_netns.as_raw_fd().cast_unsigned());
                });
            });
        });
    });
}

/// What to change about a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Switch it on or off.
    pub up: Option<bool>,
    /// Hardware address.
    pub mac: Option<[u8; 6]>,
    /// Maximum transmission unit, bytes.
    pub mtu: Option<u32>,
    /// Make it a port of this bridge.
    pub master: Option<u32>,
    /// Put it into this group.
    pub group: Option<u32>,
}

/// Which link to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRef<'a> {
    /// By index.
    Index(u32),
    /// By name: for a link that is made in the same batch.
    Name(&'a str),
}

impl LinkRef<'_> {
    fn index(self) -> u32 {
        if let LinkRef::Index(index) = self { index } else { 0 }
    }

    fn write(self, a: &mut Attributes<'_>) {
        if let LinkRef::Name(name) = self {
            a.string(NAME, name);
        }
    }
}

/// Adds a change of a link.
pub fn push_link_change(batch: &mut Batch, link: LinkRef<'_>, change: LinkChange) {
    let (flags, mask) = change.up.map_or((0, 0), |up| (if up { UP } else { 0 }, UP));
    batch.push(SET_LINK, 0, &header(0, link.index(), flags, mask), |a| {
        link.write(a);
        if let Some(mac) = change.mac {
            a.bytes(ADDRESS, &mac);
        }
        for (kind, value) in [(MTU, change.mtu), (MASTER, change.master), (GROUP, change.group)] {
            if let Some(value) = value {
                a.u32(kind, value);
            }
        }
    });
}

/// Adds: the alias of a link, which `ip link` shows; at most 255 bytes. The kernel does not take it at the creation of a link.
pub fn push_alias(batch: &mut Batch, link: LinkRef<'_>, alias: &str) {
    batch.push(SET_LINK, 0, &header(0, link.index(), 0, 0), |a| {
        link.write(a);
        a.string(ALIAS, alias);
    });
}

/// Adds: no automatic link-local address for this link. To be done before the link is up; the kernel does not take it at
/// the creation of a link, nor at all if it runs without IPv6.
pub fn push_no_automatic_address(batch: &mut Batch, link: LinkRef<'_>) {
    batch.push(SET_LINK, 0, &header(0, link.index(), 0, 0), |a| {
        link.write(a);
        a.nest(FAMILY_SPEC, |a| {
            a.nest(super::INET6.into(), |a| a.u8(ADDRESS_GENERATION.0, ADDRESS_GENERATION.1));
        });
    });
}

/// Adds: settle the state of the link with this index now. A link that has just become ready drops packets until a kernel
/// thread has noticed; since Linux 6.9 a link is also settled before it is described (`linkwatch_sync_dev` in
/// `rtnl_getlink`).
pub fn push_settle_link(batch: &mut Batch, index: u32) {
    batch.push(GET_LINK, 0, &header(0, index, 0, 0), |a| a.u32(EXTENSIONS, SKIP_STATISTICS));
}

/// How a bridge treats one of its ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortOptions {
    /// Frames may go back out of the port that they came in by.
    pub hairpin: bool,
    /// No frames between this port and other isolated ones.
    pub isolated: bool,
}

/// Adds a change of the bridge port with this index.
pub fn push_port_options(batch: &mut Batch, index: u32, options: PortOptions) {
    batch.push(SET_LINK, 0, &header(super::BRIDGE, index, 0, 0), |a| {
        a.nest(PROTOCOL_INFO, |a| {
            a.u8(PORT_HAIRPIN, u8::from(options.hairpin));
            a.u8(PORT_ISOLATED, u8::from(options.isolated));
        });
    });
}

/// Adds the removal of the link with this index (and its peer, for a veth).
pub fn push_delete_link(batch: &mut Batch, index: u32) {
    batch.push(DELETE_LINK, 0, &header(0, index, 0, 0), |_| ());
}

/// Removes many links at the price of one: the kernel waits for an RCU grace period per removal, and only links of a
/// common group are removed together. `group` must be a number that no other link uses. Links that are gone already
/// are passed over.
pub fn delete_links(socket: &mut Socket, indexes: &[u32], group: u32) -> Result<(), Error> {
    let mut batch = Batch::new();
    for &index in indexes {
        push_link_change(&mut batch, LinkRef::Index(index), LinkChange { group: Some(group), ..LinkChange::default() });
    }
    batch.push(DELETE_LINK, 0, &header(0, 0, 0, 0), |a| a.u32(GROUP, group));
    match socket.execute(batch) {
        Err(error) if error.errno() == Some(rustix::io::Errno::NODEV) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ip -batch` sends for `link set dev #3 group 7` and `link del #3`, attributes aside.
    #[test]
    fn change_and_removal() {
        let mut batch = Batch::new();
        push_link_change(
            &mut batch,
            LinkRef::Index(3),
            LinkChange { group: Some(7), up: Some(false), ..LinkChange::default() },
        );
        push_delete_link(&mut batch, 3);
        let expected = [
            40, 0, 0, 0, 19, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, // header
            0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, // ifinfomsg
            8, 0, 27, 0, 7, 0, 0, 0, // group
            32, 0, 0, 0, 17, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, // header
            0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // ifinfomsg
        ];
        assert_eq!(batch.as_bytes(), expected);
    }

    #[test]
    fn aliases_are_read_back() {
        let mut batch = Batch::new();
        push_alias(&mut batch, LinkRef::Index(3), "teu0/front");
        let message = crate::netlink::messages(batch.as_bytes()).next().unwrap().unwrap();
        let link = parse(&Message { kind: NEW_LINK, ..message }).unwrap();
        assert_eq!((link.index, link.alias.as_str()), (3, "teu0/front"));
    }

    #[test]
    fn parses_what_it_writes() {
        let mut batch = Batch::new();
        push_bridge(&mut batch, &Bridge { name: "teu0", mac: [2, 66, 1, 2, 3, 4], mtu: 1400 });
        let message = crate::netlink::messages(batch.as_bytes()).next().unwrap().unwrap();
        let link = parse(&message).unwrap();
        assert_eq!(
            link,
            Link {
                name: "teu0".into(),
                mac: Some([2, 66, 1, 2, 3, 4]),
                mtu: 1400,
                kind: "bridge".into(),
                ..Link::default()
            }
        );
    }
}
