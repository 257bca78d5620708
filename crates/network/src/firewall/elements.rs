//! Published ports as elements of maps.

use teu_sys::nft::{Element, Transaction};

use super::Translation;
use super::layout::octets;

/// Map, key and value of a translation.
struct Entry {
    map: &'static str,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Entry {
    fn of(translation: &Translation) -> Entry {
        let ((host, host_port), (target, target_port)) = (translation.host, translation.target);
        let mut key = if host.is_unspecified() { Vec::new() } else { octets(host) };
        key.extend_from_slice(&[translation.protocol.number(), 0, 0, 0]);
        push_port(&mut key, host_port);
        let mut value = octets(target);
        push_port(&mut value, target_port);
        let map = match (host.is_ipv6(), host.is_unspecified()) {
            (false, false) => "ports4",
            (false, true) => "ports4_any",
            (true, false) => "ports6",
            (true, true) => "ports6_any",
        };
        Entry { map, key, value }
    }
}

/// A port as a field of a concatenation: network byte order, padded to four bytes.
fn push_port(bytes: &mut Vec<u8>, port: u16) {
    bytes.extend_from_slice(&port.to_be_bytes());
    bytes.extend_from_slice(&[0; 2]);
}

/// Adds elements; with `exclusive` a key that is there already is an error.
pub(super) fn add(t: &mut Transaction, translations: &[Translation], exclusive: bool) {
    by_map(translations, |map, entries| {
        let elements: Vec<_> = entries.iter().map(|e| Element::Value(&e.key, &e.value)).collect();
        t.add_elements(map, &elements, exclusive);
    });
}

/// Removes elements.
pub(super) fn delete(t: &mut Transaction, translations: &[Translation]) {
    by_map(translations, |map, entries| {
        let elements: Vec<_> = entries.iter().map(|e| Element::Key(&e.key)).collect();
        t.delete_elements(map, &elements);
    });
}

fn by_map(translations: &[Translation], mut each: impl FnMut(&str, &[Entry])) {
    let mut entries: Vec<_> = translations.iter().map(Entry::of).collect();
    entries.sort_by_key(|e| e.map);
    for group in entries.chunk_by(|a, b| a.map == b.map) {
        each(group[0].map, group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Protocol;

    #[test]
    fn keys_and_values() {
        let entry = Entry::of(&Translation {
            protocol: Protocol::Udp,
            host: ("10.0.0.1".parse().unwrap(), 53),
            target: ("172.17.0.2".parse().unwrap(), 8080),
        });
        assert_eq!(entry.map, "ports4");
        assert_eq!(entry.key, [10, 0, 0, 1, 17, 0, 0, 0, 0, 53, 0, 0]);
        assert_eq!(entry.value, [172, 17, 0, 2, 0x1f, 0x90, 0, 0]);
        let any = Entry::of(&Translation {
            protocol: Protocol::Tcp,
            host: ("::".parse().unwrap(), 80),
            target: ("fd00::2".parse().unwrap(), 80),
        });
        assert_eq!((any.map, any.key.len(), any.value.len()), ("ports6_any", 8, 20));
    }
}
