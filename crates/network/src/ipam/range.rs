//! Addresses of one subnet.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::Subnet;

/// Hands out the addresses of a subnet, each to one holder at a time. Addresses come in turn rather than the lowest
/// first, so that one that was given back rests as long as possible before somebody else has it.
///
/// What is taken is kept as runs of offsets: memory and time follow the number of gaps, not the size of the subnet.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    subnet: Subnet,
    /// First and last offset that may be chosen freely.
    bounds: (u128, u128),
    /// Taken offsets: first of a run to last of it; runs never touch.
    taken: BTreeMap<u128, u128>,
    next: u128,
}

impl Range {
    /// All addresses of `subnet`, of which those of `part` may be chosen freely. Network and broadcast address of
    /// IPv4 and the subnet router's address of IPv6 (RFC 4291 2.6.1) are taken from the start.
    pub(crate) fn new(subnet: Subnet, part: Option<Subnet>) -> Range {
        let subnet = subnet.network();
        let part = part.filter(|p| subnet.contains(p.at(0))).unwrap_or(subnet).network();
        let first = subnet.offset(part.at(0)).unwrap_or(0);
        let size = if part.host_bits() >= 128 { u128::MAX } else { (1 << part.host_bits()) - 1 };
        let mut range =
            Range { subnet, bounds: (first, first.saturating_add(size)), taken: BTreeMap::new(), next: first };
        // Subnets of one or two addresses have no such special ones (RFC 3021, RFC 6164).
        if subnet.host_bits() > 1 {
            range.take(0);
            if !subnet.is_ipv6() {
                range.take((1 << subnet.host_bits()) - 1);
            }
        }
        range
    }

    /// Takes this address; false if somebody has it or it lies outside.
    pub(crate) fn reserve(&mut self, address: IpAddr) -> bool {
        self.subnet.offset(address).is_some_and(|offset| self.take(offset))
    }

    /// Takes the next free address; `None` if none is left.
    pub(crate) fn allocate(&mut self) -> Option<Subnet> {
        let offset = self.free_from(self.next).or_else(|| self.free_from(self.bounds.0))?;
        self.take(offset);
        self.next = if offset >= self.bounds.1 { self.bounds.0 } else { offset + 1 };
        Subnet::new(self.subnet.at(offset), self.subnet.prefix())
    }

    /// Whether an address is left.
    pub(crate) fn has_free(&self) -> bool {
        self.free_from(self.next).or_else(|| self.free_from(self.bounds.0)).is_some()
    }

    /// Gives an address back; nothing happens if it is not taken.
    pub(crate) fn release(&mut self, address: IpAddr) {
        let Some(offset) = self.subnet.offset(address) else { return };
        let Some((first, last)) = self.run_of(offset) else { return };
        self.taken.remove(&first);
        if first < offset {
            self.taken.insert(first, offset - 1);
        }
        if offset < last {
            self.taken.insert(offset + 1, last);
        }
    }

    /// The run that `offset` is in.
    fn run_of(&self, offset: u128) -> Option<(u128, u128)> {
        self.taken.range(..=offset).next_back().map(|(f, l)| (*f, *l)).filter(|(_, last)| *last >= offset)
    }

    /// The first free offset from `from` on, inside the bounds.
    fn free_from(&self, from: u128) -> Option<u128> {
        let free = match self.run_of(from) {
            Some((_, last)) => last.checked_add(1)?,
            None => from,
        };
        (free <= self.bounds.1).then_some(free)
    }

    fn take(&mut self, offset: u128) -> bool {
        if self.run_of(offset).is_some() {
            return false;
        }
        let first = offset.checked_sub(1).and_then(|before| self.run_of(before)).map_or(offset, |run| run.0);
        let last = offset.checked_add(1).and_then(|after| self.taken.remove(&after)).unwrap_or(offset);
        self.taken.insert(first, last);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn range(subnet: &str, part: Option<&str>) -> Range {
        Range::new(subnet.parse().unwrap(), part.map(|p| p.parse().unwrap()))
    }

    #[test]
    fn small_subnets_give_what_they_have() {
        for (subnet, expected) in [
            (
                "10.0.0.0/29",
                vec!["10.0.0.1/29", "10.0.0.2/29", "10.0.0.3/29", "10.0.0.4/29", "10.0.0.5/29", "10.0.0.6/29"],
            ),
            ("10.0.0.4/31", vec!["10.0.0.4/31", "10.0.0.5/31"]),
            ("10.0.0.4/32", vec!["10.0.0.4/32"]),
            ("fd00::/126", vec!["fd00::1/126", "fd00::2/126", "fd00::3/126"]),
        ] {
            let mut range = range(subnet, None);
            let all: Vec<_> = std::iter::from_fn(|| range.allocate()).map(|s| s.to_string()).collect();
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn part_bounds_free_choice_only() {
        let mut range = range("10.0.0.0/24", Some("10.0.0.128/30"));
        assert!(range.reserve("10.0.0.1".parse().unwrap()));
        assert!(!range.reserve("10.0.0.1".parse().unwrap()));
        assert!(!range.reserve("10.0.0.255".parse().unwrap()));
        assert!(!range.reserve("10.0.1.1".parse().unwrap()));
        let all: Vec<_> = std::iter::from_fn(|| range.allocate()).map(|s| s.to_string()).collect();
        assert_eq!(all, ["10.0.0.128/24", "10.0.0.129/24", "10.0.0.130/24", "10.0.0.131/24"]);
    }

    #[test]
    fn released_addresses_rest() {
        let mut range = range("10.0.0.0/24", None);
        let first = range.allocate().unwrap();
        range.release(first.address());
        assert_ne!(range.allocate(), Some(first));
        range.release("10.0.0.200".parse().unwrap());
    }

    #[test]
    fn whole_ipv6_space_does_not_overflow() {
        let mut range = range("::/0", None);
        assert!(range.reserve("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap()));
        assert_eq!(range.allocate().unwrap().to_string(), "::1/0");
    }

    /// Against a plain set, with a fixed pseudo-random sequence of operations.
    #[test]
    fn behaves_as_a_set() {
        let mut seed = 1u64;
        let mut random = |bound: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % bound
        };
        let mut range = range("10.0.0.0/25", None);
        let mut model: HashSet<u128> = HashSet::from([0, 127]);
        for _ in 0..20_000 {
            let offset = u128::from(random(128));
            let address = range.subnet.at(offset);
            match random(3) {
                0 => assert_eq!(range.reserve(address), model.insert(offset)),
                1 => {
                    if offset != 0 && offset != 127 {
                        range.release(address);
                        model.remove(&offset);
                    }
                }
                _ => match range.allocate() {
                    Some(got) => assert!(model.insert(range.subnet.offset(got.address()).unwrap())),
                    None => assert_eq!(model.len(), 128),
                },
            }
            let kept: HashSet<u128> = range.taken.iter().flat_map(|(f, l)| *f..=*l).collect();
            assert_eq!(kept, model);
            let touching =
                range.taken.iter().zip(range.taken.keys().skip(1)).any(|((_, last), next)| last + 1 == *next);
            assert!(!touching);
        }
    }
}
