//! The addresses of one network, both families.

use std::net::IpAddr;
use std::sync::Mutex;

use crate::Subnet;
use crate::ipam::Range;
use crate::pool::lock;

/// Addresses of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) ipv4: Option<Subnet>,
    pub(crate) ipv6: Option<Subnet>,
}

/// Hands out the addresses of a network.
#[derive(Debug)]
pub(crate) struct Leases {
    ipv4: Option<Mutex<Range>>,
    ipv6: Option<Mutex<Range>>,
}

/// Why there is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAddress {
    /// None is left.
    Exhausted,
    /// The wanted one is taken.
    Taken(IpAddr),
    /// The wanted one is not of this network.
    Outside(IpAddr),
}

impl Leases {
    pub(crate) fn new(ipv4: Option<Range>, ipv6: Option<Range>) -> Leases {
        Leases { ipv4: ipv4.map(Mutex::new), ipv6: ipv6.map(Mutex::new) }
    }

    /// Addresses of every family that the network has, the wanted ones if any.
    pub(crate) fn lease(&self, ipv4: Option<Wanted>, ipv6: Option<Wanted>) -> Result<Lease, NoAddress> {
        let first = lease_one(self.ipv4.as_ref(), ipv4)?;
        match lease_one(self.ipv6.as_ref(), ipv6) {
            Ok(second) => Ok(Lease { ipv4: first, ipv6: second }),
            Err(error) => {
                self.release(&Lease { ipv4: first, ipv6: None });
                Err(error)
            }
        }
    }

    /// Whether every family has an address left.
    pub(crate) fn has_free(&self) -> bool {
        [&self.ipv4, &self.ipv6].into_iter().flatten().all(|range| lock(range).has_free())
    }

    /// Takes the addresses of an endpoint that exists; those taken already or outside are passed over.
    pub(crate) fn adopt(&self, lease: &Lease) {
        for (range, address) in [(&self.ipv4, lease.ipv4), (&self.ipv6, lease.ipv6)] {
            if let (Some(range), Some(address)) = (range, address) {
                lock(range).reserve(address.address());
            }
        }
    }

    /// Gives addresses back.
    pub(crate) fn release(&self, lease: &Lease) {
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
