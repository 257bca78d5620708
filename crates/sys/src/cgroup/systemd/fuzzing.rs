//! Fuzz target: what the system bus says.

use std::hint::black_box;

use super::message::{self, Reader};

/// Messages of the system bus.
pub fn dbus(data: &[u8]) {
    let length = data.first_chunk().and_then(message::message_length);
    let Some(received) = message::parse(data) else { return };
    assert_eq!(length, Some(data.len()));
    let mut body = Reader::new(&received.body);
    while body.text().is_some() {}
    black_box(body.u32());
}
