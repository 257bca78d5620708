//! The addresses of one network, both families, and the ports of its bridge.

use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Subnet;
use crate::ipam::Range;
use crate::pool::lock;

/// How many ports a bridge has: 10 bits, without 0 (`BR_PORT_BITS`). Each endpoint takes one.
pub(crate) const PORTS: usize = 1023;

/// Addresses of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) ipv4: Option<Subnet>,
    pub(crate) ipv6: Option<Subnet>,
}

/// Hands out the addresses of a network, each time with a port of its bridge.
#[derive(Debug)]
pub(crate) struct Leases {
    ipv4: Option<Mutex<Range>>,
    ipv6: Option<Mutex<Range>>,
    /// Endpoints that there are.
    taken: AtomicUsize,
}

/// Why there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// None is left.
    Exhausted,
    /// The bridge has no port left.
    Full,
    /// The wanted one is taken.
    Taken(IpAddr),
    /// The wanted one is not of this network.
    Outside(IpAddr),
}

impl Leases {
    pub(crate) fn new(ipv4: Option<Range>, ipv6: Option<Range>) -> Leases {
        Leases { ipv4: ipv4.map(Mutex::new), ipv6: ipv6.map(Mutex::new), taken: AtomicUsize::new(0) }
    }

    /// Addresses of every family that the network has, the wanted ones if any.
    pub(crate) fn lease(&self, ipv4: Option<Wanted>, ipv6: Option<Wanted>) -> Result<Lease, NoAddress> {
        let more = |taken| (taken < PORTS).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| NoAddress::Full)?;
        let mut lease = Lease::default();
        let leased = lease_one(self.ipv4.as_ref(), ipv4).and_then(|first| {
            lease.ipv4 = first;
            lease.ipv6 = lease_one(self.ipv6.as_ref(), ipv6)?;
            Ok(lease)
        });
        leased.inspect_err(|_| self.release(&lease))
    }

    /// Ports that are left.
    pub(crate) fn room(&self) -> usize {
        PORTS.saturating_sub(self.taken.load(Ordering::Relaxed))
    }

    /// Whether there is a port left and an address of every family.
    pub(crate) fn has_free(&self) -> bool {
        self.room() > 0 && [&self.ipv4, &self.ipv6].into_iter().flatten().all(|range| lock(range).has_free())
    }

    /// Takes what an endpoint that exists has; addresses that are taken already or outside are passed over.
    pub(crate) fn adopt(&self, lease: &Lease) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        self.reserve(lease);
    }

    /// Takes addresses that no endpoint has, as a gateway's.
    pub(crate) fn reserve(&self, lease: &Lease) {
        for (range, address) in [(&self.ipv4, lease.ipv4), (&self.ipv6, lease.ipv6)] {
            if let (Some(range), Some(address)) = (range, address) {
                lock(range).reserve(address.address());
            }
        }
    }

    /// Gives back what an endpoint had.
    pub(crate) fn release(&self, lease: &Lease) {
        let less = |taken: usize| taken.checked_sub(1);
        let _ = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        for (range, address) in [(&self.ipv4, lease.ipv4), (&self.ipv6, lease.ipv6)] {
            if let (Some(range), Some(address)) = (range, address) {
                lock(range).release(address.address());
            }
        }
    }
}

/// An address that somebody wants, with the prefix length of its subnet.
pub(crate) type Wanted = Subnet;

fn lease_one(range: Option<&Mutex<Range>>, wanted: Option<Wanted>) -> Result<Option<Subnet>, NoAddress> {
    match (range, wanted) {
        (None, None) => Ok(None),
        (None, Some(wanted)) => Err(NoAddress::Outside(wanted.address())),
        (Some(range), None) => lock(range).allocate().map(Some).ok_or(NoAddress::Exhausted),
        (Some(range), Some(wanted)) => match lock(range).reserve(wanted.address()) {
            true => Ok(Some(wanted)),
            false => Err(NoAddress::Taken(wanted.address())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lease_takes_a_port() {
        let subnet: Subnet = "10.0.0.0/16".parse().unwrap();
        let leases = Leases::new(Some(Range::new(subnet, None)), None);
        leases.reserve(&Lease { ipv4: Subnet::new(subnet.at(1), 16), ipv6: None });
        leases.adopt(&Lease { ipv4: Subnet::new(subnet.at(2), 16), ipv6: None });
        assert_eq!(leases.room(), PORTS - 1);
        let taken: Vec<Lease> = (1..PORTS).map(|_| leases.lease(None, None).unwrap()).collect();
        assert!(!leases.has_free());
        assert_eq!(leases.lease(None, None), Err(NoAddress::Full));
        leases.release(&taken[0]);
        assert_eq!(leases.room(), 1);
        // An address that cannot be had takes no port either.
        assert_eq!(leases.lease(taken[1].ipv4, None), Err(NoAddress::Taken(taken[1].ipv4.unwrap().address())));
        assert_eq!(leases.room(), 1);
    }
}
