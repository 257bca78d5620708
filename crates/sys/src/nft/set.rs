//! Sets and maps with their elements.

use crate::netlink::Attributes;

use super::transaction::Verdict;

// `NFTA_SET_*`
const NAME: u16 = 2;
const FLAGS: u16 = 3;
const KEY_TYPE: u16 = 4;
const KEY_LENGTH: u16 = 5;
const DATA_TYPE: u16 = 6;
const DATA_LENGTH: u16 = 7;
const ID: u16 = 10;
const USER_DATA: u16 = 13;
/// Tells `nft list` that keys are in the machine's byte order, without which it prints no interface names: type
/// `NFTNL_UDATA_SET_KEYBYTEORDER`, length, `BYTEORDER_HOST_ENDIAN`.
const HOST_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];
// `NFT_SET_*`
const INTERVAL: u32 = 4;
const MAP: u32 = 8;
/// `NFT_DATA_VERDICT`
const DATA_VERDICT: u32 = 0xffff_ff00;
// `NFTA_SET_ELEM_*` and `NFTA_DATA_*`
const LIST_ELEMENT: u16 = 1;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_DATA: u16 = 2;
const ELEMENT_FLAGS: u16 = 3;
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
/// `NFT_SET_ELEM_INTERVAL_END`
const INTERVAL_END: u32 = 1;
/// nft(8) packs the types of a concatenation into a number, six bits each (`TYPE_BITS`).
const TYPE_BITS: u32 = 6;

/// Types of fields. The kernel wants their lengths only; `nft list` prints values by these numbers
/// (`enum datatypes` of nftables).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// IPv4 address.
    Ipv4 = 7,
    /// IPv6 address.
    Ipv6 = 8,
    /// Transport protocol.
    Protocol = 12,
    /// Port.
    Port = 13,
    /// Interface name.
    Interface = 41,
}

impl DataType {
    /// Length in bytes, as a field of a concatenation: padded to 4.
    fn length(self) -> u32 {
        match self {
            DataType::Ipv4 | DataType::Protocol | DataType::Port => 4,
            DataType::Ipv6 | DataType::Interface => 16,
        }
    }
}

/// What a map's keys lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing: a set.
    None,
    /// A verdict.
    Verdict,
    /// A concatenation of fields.
    Fields(&'a [DataType]),
}

/// A set or map to be made.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// Name.
    pub name: &'a str,
    /// The fields of a key.
    pub key: &'a [DataType],
    /// What keys lead to.
    pub value: Value<'a>,
    /// Whether keys are the bounds of ranges.
    pub interval: bool,
}

/// An element of a set or map. Fields are padded to four bytes each.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// A key of a set.
    Key(&'a [u8]),
    /// A key with a verdict.
    Verdict(&'a [u8], Verdict<'a>),
    /// A key with a value.
    Value(&'a [u8], &'a [u8]),
    /// The first key after a range.
    End(&'a [u8]),
}

/// Type number and length of a concatenation.
fn describe(fields: &[DataType]) -> (u32, u32) {
    fields.iter().fold((0, 0), |(kind, length), field| (kind << TYPE_BITS | *field as u32, length + field.length()))
}

pub(super) fn write(a: &mut Attributes<'_>, set: &Set<'_>, number: u32) {
    let mut flags = if set.interval { INTERVAL } else { 0 };
    if set.value != Value::None {
        flags |= MAP;
    }
    // A lone port is two bytes: only fields of a concatenation are padded.
    let (kind, length) = describe(set.key);
    a.string(NAME, set.name);
    a.be32(FLAGS, flags);
    a.be32(KEY_TYPE, kind);
    a.be32(KEY_LENGTH, length);
    match set.value {
        Value::None => {}
        Value::Verdict => a.be32(DATA_TYPE, DATA_VERDICT),
        Value::Fields(fields) => {
            let (kind, length) = describe(fields);
            a.be32(DATA_TYPE, kind);
            a.be32(DATA_LENGTH, length);
        }
    }
    a.be32(ID, number);
    if set.key == [DataType::Interface] {
        a.bytes(USER_DATA, &HOST_ORDER);
    }
}

pub(super) fn write_element(a: &mut Attributes<'_>, element: &Element<'_>) {
    let (Element::Key(key) | Element::Verdict(key, _) | Element::Value(key, _) | Element::End(key)) = *element;
    a.nest(LIST_ELEMENT, |a| {
        a.nest(ELEMENT_KEY, |a| a.bytes(VALUE, key));
        match *element {
            Element::Key(_) => {}
            Element::Verdict(_, verdict) => a.nest(ELEMENT_DATA, |a| a.nest(VERDICT, |a| verdict.write(a))),
            Element::Value(_, value) => a.nest(ELEMENT_DATA, |a| a.bytes(VALUE, value)),
            Element::End(_) => a.be32(ELEMENT_FLAGS, INTERVAL_END),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::Transaction;

    #[test]
    fn concatenations_are_packed_as_nft_does() {
        // `inet_proto . inet_service` and `ipv4_addr . inet_service` as nft --debug=netlink shows them
        assert_eq!(describe(&[DataType::Protocol, DataType::Port]), (12 << 6 | 13, 8));
        assert_eq!(describe(&[DataType::Ipv6, DataType::Port]), (8 << 6 | 13, 20));
        assert_eq!(describe(&[DataType::Interface]), (41, 16));
    }

    /// What nft 1.0.6 sends for `map m { type inet_proto . inet_service : ipv4_addr . inet_service; elements =
    /// { tcp . 80 : 172.18.0.2 . 8080 } }`, without its user data and the set's number on the elements.
    #[test]
    fn maps_are_as_nft_sends_them() {
        let expected = "54000000090a01040100000000000000010000000800010074657500060002006d000000080003000000000808000400\
         0000030d080005000000000808000600000001cd080007000000000808000a00000000014c0000000c0a010402000000\
         00000000010000000800010074657500060002006d0000002800038024000180100001800c0001000600000000500000\
         100002800c000100ac1200021f900000";
        let mut t = Transaction::new("teu");
        t.add_set(&Set {
            name: "m",
            key: &[DataType::Protocol, DataType::Port],
            value: Value::Fields(&[DataType::Ipv4, DataType::Port]),
            interval: false,
        });
        t.add_elements("m", &[Element::Value(&[6, 0, 0, 0, 0, 80, 0, 0], &[172, 18, 0, 2, 0x1f, 0x90, 0, 0])], false);
        let sent: String = t.bytes()[20..].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(sent, expected);
    }

    #[test]
    fn verdicts_name_their_chain() {
        let mut t = Transaction::new("t");
        t.delete_elements("m", &[Element::Verdict(&[0, 0, 0, 6], Verdict::Jump("c"))]);
        let verdict = [28, 0, 2, 0x80, 24, 0, 2, 0x80, 8, 0, 1, 0, 0xff, 0xff, 0xff, 0xfd, 6, 0, 2, 0, b'c', 0, 0, 0];
        assert!(t.bytes().ends_with(&verdict[8..]));
        assert_eq!(&t.bytes()[24..26], [14, 10]);
    }
}
