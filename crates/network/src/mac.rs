//! Ethernet addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A 48-bit Ethernet address, written `02:42:ac:11:00:02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

/// The text is no Ethernet address. The wording is what Docker's clients see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {0}: invalid MAC address")]
pub struct InvalidMac(String);

impl MacAddress {
    /// The address Docker gives a container with this IPv4 address: `02:42` and the four octets. Two
    /// endpoints of a network never collide, and a reused address keeps its neighbours' caches right.
    pub fn from_ipv4(address: Ipv4Addr) -> MacAddress {
        let [a, b, c, d] = address.octets();
        MacAddress([0x02, 0x42, a, b, c, d])
    }

    /// A locally administered unicast address out of six random octets.
    pub fn from_random(mut octets: [u8; 6]) -> MacAddress {
        octets[0] = octets[0] & 0xfc | 0x02;
        MacAddress(octets)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = InvalidMac;

    /// Accepts what Go's `net.ParseMAC` takes for 48 bits, with `:` or `-` between octets.
    fn from_str(text: &str) -> Result<MacAddress, InvalidMac> {
        let invalid = || InvalidMac(text.to_owned());
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut octets = [0; 6];
        let mut parts = text.split(separator);
        for octet in &mut octets {
            let part = parts.next().filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()));
            *octet = part.and_then(|p| u8::from_str_radix(p, 16).ok()).ok_or_else(invalid)?;
        }
        if parts.next().is_some() { Err(invalid()) } else { Ok(MacAddress(octets)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = InvalidMac;

    fn try_from(text: String) -> Result<MacAddress, InvalidMac> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_ipv4_address() {
        assert_eq!(MacAddress::from_ipv4(Ipv4Addr::new(172, 17, 0, 2)).to_string(), "02:42:ac:11:00:02");
    }

    #[test]
    fn random_is_local_and_unicast() {
        assert_eq!(MacAddress::from_random([0xff; 6]).0[0], 0xfe);
        assert_eq!(MacAddress::from_random([0x01; 6]).0[0], 0x02);
    }

    #[test]
    fn parses_strictly() {
        assert_eq!("02-42-AC-11-00-02".parse::<MacAddress>().unwrap().to_string(), "02:42:ac:11:00:02");
        for text in ["", "02:42:ac:11:00", "02:42:ac:11:00:02:03", "2:42:ac:11:00:02", "02:42:ac:11:00:+2"] {
            assert!(text.parse::<MacAddress>().is_err(), "{text}");
        }
    }
}
