//! Addresses with a prefix length, for both families.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address with its prefix length, as in `172.17.0.2/16`: an interface address, or a subnet when the
/// host part is zero. Serialised as that string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

/// The text is no address with a prefix length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid CIDR address: {0}")]
pub struct InvalidSubnet(String);

impl Subnet {
    /// `address` with `prefix` leading network bits; `None` when the prefix is longer than the address.
    pub fn new(address: impl Into<IpAddr>, prefix: u8) -> Option<Subnet> {
        let address = address.into();
        (prefix <= bits(address)).then_some(Subnet { address, prefix })
    }

    /// The address as given, host bits included.
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Number of leading network bits.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether this is an IPv6 subnet.
    pub fn is_ipv6(self) -> bool {
        self.address.is_ipv6()
    }

    /// The same prefix with all host bits zero.
    pub fn network(self) -> Subnet {
        Subnet { address: self.at(0), prefix: self.prefix }
    }

    /// Number of host bits.
    pub fn host_bits(self) -> u32 {
        u32::from(bits(self.address) - self.prefix)
    }

    /// The address at `offset` from the network address, wrapping inside the subnet.
    pub fn at(self, offset: u128) -> IpAddr {
        let mask = host_mask(self.host_bits());
        match self.address {
            // Lossless: the mask of an IPv4 subnet has at most 32 bits.
            #[allow(clippy::cast_possible_truncation)]
            IpAddr::V4(a) => Ipv4Addr::from(u32::from(a) & !(mask as u32) | (offset & mask) as u32).into(),
            IpAddr::V6(a) => Ipv6Addr::from(u128::from(a) & !mask | offset & mask).into(),
        }
    }

    /// The offset of `address` from the network address; `None` when it lies outside or is of the other family.
    pub fn offset(self, address: IpAddr) -> Option<u128> {
        let mask = host_mask(self.host_bits());
        let (ours, theirs) = match (self.address, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b))),
            (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b)),
            _ => return None,
        };
        (ours & !mask == theirs & !mask).then_some(theirs & mask)
    }

    /// Whether `address` lies inside.
    pub fn contains(self, address: IpAddr) -> bool {
        self.offset(address).is_some()
    }

    /// Whether the two share any address.
    pub fn overlaps(self, other: Subnet) -> bool {
        self.contains(other.at(0)) || other.contains(self.at(0))
    }
}

/// Length of an address in bits.
fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn host_mask(host_bits: u32) -> u128 {
    1u128.checked_shl(host_bits).map_or(u128::MAX, |top| top - 1)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = InvalidSubnet;

    fn from_str(text: &str) -> Result<Subnet, InvalidSubnet> {
        let invalid = || InvalidSubnet(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        // `u8::from_str` would take a sign.
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        prefix.parse().ok().and_then(|prefix| Subnet::new(address, prefix)).ok_or_else(invalid)
    }
}

impl TryFrom<String> for Subnet {
    type Error = InvalidSubnet;

    fn try_from(text: String) -> Result<Subnet, InvalidSubnet> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> String {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn parses_and_prints() {
        for text in ["172.17.0.1/16", "0.0.0.0/0", "fd00::1/64", "::/0", "10.0.0.1/32"] {
            assert_eq!(subnet(text).to_string(), text);
        }
        for text in ["", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/+8", "::1/129", "x/8", "10.0.0.1/8/8"] {
            assert_eq!(text.parse::<Subnet>(), Err(InvalidSubnet(text.to_owned())));
        }
    }

    #[test]
    fn offsets_are_inverse_of_addresses() {
        let net = subnet("172.17.3.4/16");
        assert_eq!(net.network().to_string(), "172.17.0.0/16");
        assert_eq!(net.at(0x0102), "172.17.1.2".parse::<IpAddr>().unwrap());
        assert_eq!(net.offset("172.17.1.2".parse().unwrap()), Some(0x0102));
        assert_eq!(net.offset("172.18.1.2".parse().unwrap()), None);
        assert_eq!(net.offset("::1".parse().unwrap()), None);
        assert_eq!(subnet("::/0").at(7), "::7".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn overlap_is_containment_either_way() {
        assert!(subnet("10.0.0.0/8").overlaps(subnet("10.1.0.0/16")));
        assert!(subnet("10.1.0.0/16").overlaps(subnet("10.0.0.0/8")));
        assert!(!subnet("10.1.0.0/16").overlaps(subnet("10.2.0.0/16")));
        assert!(!subnet("0.0.0.0/0").overlaps(subnet("::/0")));
    }
}
