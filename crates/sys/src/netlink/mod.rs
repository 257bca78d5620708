//! Netlink: talking to the kernel about links, addresses, routes, neighbours and (in [`crate::nft`]) packet filters.
//!
//! A [`Batch`] collects any number of messages and is sent with one system call by [`Socket::execute`]. The
//! kernel works a batch off before that call returns, so all replies are waiting by then and no call here blocks
//! on anything but the kernel's own locks. Replies are parsed by pure, bounded functions over `&[u8]`.
//!
//! Formats: `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h` and rtnetlink(7).

mod address;
mod conntrack;
pub(crate) mod fuzzing;
mod link;
mod message;
mod neighbour;
mod option;
mod parse;
mod route;
mod socket;

pub use address::{Address, addresses, push_address, push_delete_address};
pub use conntrack::{Flow, forget_connections};
pub use link::{
    Bridge, Link, LinkChange, LinkRef, PortOptions, Veth, delete_links, link_by_name, links, push_alias, push_bridge,
    push_delete_link, push_link_change, push_no_automatic_address, push_no_snooping, push_port_options,
    push_settle_link, push_veth,
};
pub use message::{Attributes, Batch, CREATE, DUMP, EXCLUSIVE, REPLACE, REQUEST};
pub use neighbour::{permanent_neighbours, push_delete_neighbour, push_forwarding, push_neighbour};
pub use parse::{Attribute, AttributeIter, Malformed, Message, MessageIter, attributes, messages};
pub use route::{Route, push_default_route, routes};
pub use socket::{Error, Family, Socket};

// Address families (`linux/socket.h`) in the width that rtnetlink's headers have.
const INET: u8 = 2;
const BRIDGE: u8 = 7;
const INET6: u8 = 10;
