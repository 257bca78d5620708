//! Rules: expressions that load, compare, look up and act.

use crate::netlink::Attributes;

use super::transaction::Verdict;

// `NFTA_LIST_ELEM`, `NFTA_EXPR_NAME`, `NFTA_EXPR_DATA`
const LIST_ELEMENT: u16 = 1;
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFT_REG_VERDICT`
const VERDICT_REGISTER: u32 = 0;

/// Number of a register: the place of its first 32-bit word among 16. Registers of 16 bytes start at 1
/// (`NFT_REG_1`), those of 4 bytes at 8 (`NFT_REG32_00`); both name the same storage, nft prefers the former.
fn register(word: u32) -> u32 {
    if word.is_multiple_of(4) { 1 + word / 4 } else { 8 + word }
}

/// Facts about a packet that are not in it (`NFT_META_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Name of the interface it came in by, 16 bytes.
    InName = 6,
    /// Name of the interface it leaves by, 16 bytes.
    OutName = 7,
    /// 2 for IPv4, 10 for IPv6, 1 byte.
    Family = 15,
    /// Transport protocol, 1 byte.
    Protocol = 16,
}

/// Fields of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// IPv4 source.
    Ipv4Source,
    /// IPv4 destination.
    Ipv4Destination,
    /// First octet of the IPv4 source.
    Ipv4SourceNet,
    /// First octet of the IPv4 destination.
    Ipv4DestinationNet,
    /// IPv6 source.
    Ipv6Source,
    /// IPv6 destination.
    Ipv6Destination,
    /// Port that it goes to: at the same place in TCP, UDP and SCTP.
    DestinationPort,
}

impl Field {
    /// `NFT_PAYLOAD_*_HEADER`, offset and length in bytes.
    fn place(self) -> (u32, u32, u32) {
        match self {
            Field::Ipv4Source => (1, 12, 4),
            Field::Ipv4Destination => (1, 16, 4),
            Field::Ipv4SourceNet => (1, 12, 1),
            Field::Ipv4DestinationNet => (1, 16, 1),
            Field::Ipv6Source => (1, 8, 16),
            Field::Ipv6Destination => (1, 24, 16),
            Field::DestinationPort => (2, 2, 2),
        }
    }
}

/// Bits about a connection: the key (`NFT_CT_*`) and the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is established or related to one that is.
    EstablishedOrRelated,
    /// Its destination was translated.
    DestinationTranslated,
}

/// Writes the expressions of one rule, left to right as nft prints them. Words are places in the registers.
#[derive(Debug)]
pub struct RuleWriter<'w, 'b> {
    list: &'w mut Attributes<'b>,
}

impl<'w, 'b> RuleWriter<'w, 'b> {
    pub(super) fn new(list: &'w mut Attributes<'b>) -> RuleWriter<'w, 'b> {
        RuleWriter { list }
    }

    fn expression(&mut self, name: &str, write: impl FnOnce(&mut Attributes<'_>)) -> &mut Self {
        self.list.nest(LIST_ELEMENT, |a| {
            a.string(NAME, name);
            a.nest(DATA, write);
        });
        self
    }

    /// Loads a fact.
    pub fn meta(&mut self, key: Key, word: u32) -> &mut Self {
        self.expression("meta", |a| {
            a.be32(2, key as u32);
            a.be32(1, register(word));
        })
    }

    /// Loads a field of the packet; the rule ends if the packet has no such field.
    pub fn field(&mut self, field: Field, word: u32) -> &mut Self {
        let (base, offset, length) = field.place();
        self.expression("payload", |a| {
            a.be32(1, register(word));
            a.be32(2, base);
            a.be32(3, offset);
            a.be32(4, length);
        })
    }

    /// The rule goes on if the first register has this value.
    pub fn equals(&mut self, value: &[u8]) -> &mut Self {
        self.compare(0, value)
    }

    /// The rule goes on if the first register has another value.
    pub fn differs(&mut self, value: &[u8]) -> &mut Self {
        self.compare(1, value)
    }

    fn compare(&mut self, operation: u32, value: &[u8]) -> &mut Self {
        self.expression("cmp", |a| {
            a.be32(1, register(0));
            a.be32(2, operation);
            a.nest(3, |a| a.bytes(1, value));
        })
    }

    /// The rule goes on for packets of this family (2 or 10).
    pub fn family(&mut self, family: u8) -> &mut Self {
        self.meta(Key::Family, 0).equals(&[family])
    }

    /// The rule goes on for connections of this kind.
    pub fn connection(&mut self, status: Status) -> &mut Self {
        // `NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)`; `IPS_DST_NAT`
        let (key, mask) = match status {
            Status::EstablishedOrRelated => (0, 2u32 | 4),
            Status::DestinationTranslated => (2, 1 << 5),
        };
        self.expression("ct", |a| {
            a.be32(2, key);
            a.be32(1, register(0));
        });
        self.expression("bitwise", |a| {
            a.be32(1, register(0));
            a.be32(2, register(0));
            a.be32(3, 4);
            a.nest(4, |a| a.bytes(1, &mask.to_ne_bytes()));
            a.nest(5, |a| a.bytes(1, &[0; 4]));
        });
        self.differs(&[0; 4])
    }

    /// The rule goes on if the packet's destination is an address of this host (`fib daddr type local`).
    pub fn to_this_host(&mut self) -> &mut Self {
        // `NFT_FIB_RESULT_ADDRTYPE`, `NFTA_FIB_F_DADDR`, `RTN_LOCAL`
        self.expression("fib", |a| {
            a.be32(3, 2);
            a.be32(2, 3);
            a.be32(1, register(0));
        });
        self.equals(&2u32.to_ne_bytes())
    }

    /// The rule goes on if the key that starts in the first register is in the set.
    pub fn in_set(&mut self, set: &str) -> &mut Self {
        self.lookup(set, None)
    }

    /// The verdict that a map has for the key in the first register; the rule ends if it has none.
    pub fn verdict_from(&mut self, map: &str) -> &mut Self {
        self.lookup(map, Some(VERDICT_REGISTER))
    }

    /// Replaces the key that starts in the first register by the value that a map has for it.
    pub fn value_from(&mut self, map: &str) -> &mut Self {
        self.lookup(map, Some(register(0)))
    }

    fn lookup(&mut self, set: &str, destination: Option<u32>) -> &mut Self {
        self.expression("lookup", |a| {
            a.be32(2, register(0));
            if let Some(destination) = destination {
                a.be32(3, destination);
            }
            a.string(1, set);
        })
    }

    /// Loads a value of at most 16 bytes.
    pub fn value(&mut self, value: &[u8], word: u32) -> &mut Self {
        self.expression("immediate", |a| {
            a.be32(1, register(word));
            a.nest(2, |a| a.bytes(1, value));
        })
    }

    /// Translates the destination to the address in the first register (of `family`, 2 or 10) and the port behind it.
    pub fn translate_destination(&mut self, family: u8) -> &mut Self {
        let port = if family == 2 { 1 } else { 4 };
        self.expression("nat", |a| {
            a.be32(1, 1);
            a.be32(2, u32::from(family));
            a.be32(3, register(0));
            a.be32(5, register(port));
        })
    }

    /// Translates the source to the address of the interface that the packet leaves by.
    pub fn masquerade(&mut self) -> &mut Self {
        self.expression("masq", |_| ())
    }

    /// Ends with a verdict.
    pub fn verdict(&mut self, verdict: Verdict<'_>) -> &mut Self {
        self.expression("immediate", |a| {
            a.be32(1, VERDICT_REGISTER);
            a.nest(2, |a| a.nest(2, |a| verdict.write(a)));
        })
    }
}

/// An interface name as rules compare it: padded with zeros to `IFNAMSIZ`.
pub fn interface_name(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let length = name.len().min(15);
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nft::Transaction;

    #[test]
    fn registers() {
        assert_eq!([0, 1, 2, 4, 5].map(register), [1, 9, 10, 2, 13]);
    }

    /// What nft 1.0.6 sends for `ct state established,related accept` and `iifname "teu0" drop`, byte for byte but for
    /// the sequence number.
    #[test]
    fn rules_are_as_nft_sends_them() {
        let expected = "e8000000060a010c01000000000000000100000008000100746575000600020063000000c40004802000018007000100\
         637400001400028008000200000000000800010000000001440001800c00010062697477697365003400028008000100\
         00000001080002000000000108000300000000040c00048008000100060000000c00058008000100000000002c000180\
         08000100636d700020000280080001000000000108000200000000010c0003800800010000000000300001800e000100\
         696d6d6564696174650000001c0002800800010000000000100002800c0002800800010000000001b4000000060a010c\
         020000000000000001000000080001007465750006000200630000009000048024000180090001006d65746100000000\
         14000280080002000000000608000100000000013800018008000100636d70002c000280080001000000000108000200\
         00000000180003801400010074657530000000000000000000000000300001800e000100696d6d656469617465000000\
         1c0002800800010000000000100002800c0002800800010000000000";
        let mut t = Transaction::new("teu");
        t.add_rule("c", |r| {
            r.connection(Status::EstablishedOrRelated).verdict(Verdict::Accept);
        });
        t.add_rule("c", |r| {
            r.meta(Key::InName, 0).equals(&interface_name("teu0")).verdict(Verdict::Drop);
        });
        assert_eq!(hex(&t.bytes()[20..]), expected);
    }

    /// `dnat ip to meta l4proto . th dport map @m`; nft adds the number of a set of the same transaction
    /// (`NFTA_LOOKUP_SET_ID`), which is not needed when names are unique.
    #[test]
    fn translation_is_as_nft_sends_it() {
        let expected = "dc000000060a010c01000000000000000100000008000100746575000600020063000000b80004802400018009000100\
         6d657461000000001400028008000200000000100800010000000001340001800c0001007061796c6f61640024000280\
         08000100000000090800020000000002080003000000000208000400000000022c0001800b0001006c6f6f6b75700000\
         1c00028008000200000000010800030000000001060001006d00000030000180080001006e6174002400028008000100\
         00000001080002000000000208000300000000010800050000000009";
        let mut t = Transaction::new("teu");
        t.add_rule("c", |r| {
            r.meta(Key::Protocol, 0).field(Field::DestinationPort, 1).value_from("m").translate_destination(2);
        });
        assert_eq!(hex(&t.bytes()[20..]), expected);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn interface_names_are_padded() {
        assert_eq!(&interface_name("teu0"), b"teu0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(interface_name("a-name-that-is-much-too-long")[15], 0);
    }
}
