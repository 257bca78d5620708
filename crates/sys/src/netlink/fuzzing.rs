//! Fuzz target: answers of the kernel.

use std::hint::black_box;

use super::{Message, address, attributes, conntrack, link, messages, neighbour, route, socket};

/// Netlink messages: the walk ends, and every parser takes every message.
pub fn netlink(data: &[u8]) {
    for message in messages(data).flatten() {
        each_parser(&message);
        // What a message is parsed as is decided by its type, which random bytes seldom hit.
        for kind in [16, 20, 24, 28, 0x100] {
            each_parser(&Message { kind, ..message });
        }
    }
}

fn each_parser(message: &Message<'_>) {
    black_box((address::parse(message), link::parse(message), route::parse(message)));
    black_box((neighbour::parse(message), conntrack::parse(message)));
    for outcome in [socket::parse_error(message, 1), socket::parse_done(message)] {
        black_box(outcome.map_err(|error| error.to_string()).is_ok());
    }
    for header in [0, 4, 12] {
        let depth = attributes(message.payload, header).flat_map(|a| a.nested()).count();
        assert!(depth <= message.payload.len(), "attributes without length");
    }
}
