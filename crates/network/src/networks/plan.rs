//! What a new network is going to be: options verified, subnets chosen.

use std::collections::BTreeMap;

use super::Inner;
use crate::driver::device_name;
use crate::reach::Reach;
use crate::{DriverKind, Error, IpamSubnet, NetworkRecord, Subnet, ipam, predefined};

/// A network to be made: the body of `POST /networks/create`.
#[derive(Clone, Debug)]
pub struct NetworkSpec {
    /// Unique name.
    pub name: String,
    /// Whether it has IPv4.
    pub enable_ipv4: bool,
    /// Whether it has IPv6.
    pub enable_ipv6: bool,
    /// Whether it has no way to the outside.
    pub internal: bool,
    /// What Docker's cluster would make of it.
    pub attachable: bool,
    /// Wanted subnets; those of a family that is missing are taken from the address pools.
    pub ipam: Vec<IpamSubnet>,
    /// Options of address management; they are kept and told.
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// Driver options, see [`option`](crate::option).
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl NetworkSpec {
    /// A network of this name about which nothing else is said.
    pub fn new(name: impl Into<String>) -> NetworkSpec {
        NetworkSpec {
            name: name.into(),
            enable_ipv4: true,
            enable_ipv6: false,
            internal: false,
            attachable: false,
            ipam: Vec::new(),
            ipam_options: None,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }
}

impl Inner {
    /// The record of a new network: options verified, subnets chosen.
    pub(super) fn plan(&self, spec: NetworkSpec) -> Result<NetworkRecord, Error> {
        let mut record = predefined::blank(&spec.name, DriverKind::Bridge)?;
        record.options = spec.options;
        self.verify_device(&record)?;
        record.ipam = self.subnets(&spec.ipam, [spec.enable_ipv4, spec.enable_ipv6])?;
        record.enable_ipv4 = spec.enable_ipv4;
        record.enable_ipv6 = spec.enable_ipv6;
        record.internal = spec.internal;
        record.attachable = spec.attachable;
        record.ipam_options = spec.ipam_options;
        record.labels = spec.labels;
        Ok(record)
    }

    /// Two networks cannot have one device.
    fn verify_device(&self, record: &NetworkRecord) -> Result<(), Error> {
        let bridge = device_name(record);
        let networks = self.networks();
        let same = networks.iter().find(|n| n.record.driver == DriverKind::Bridge && device_name(&n.record) == bridge);
        match same.map(|n| &n.record) {
            None => Ok(()),
            Some(other) => Err(Error::BridgeTaken { network: other.name.clone(), id: other.id.clone(), bridge }),
        }
    }

    /// The wanted subnets of the families that are `enabled` (IPv4, IPv6), and those chosen where none is wanted.
    fn subnets(&self, wanted: &[IpamSubnet], enabled: [bool; 2]) -> Result<Vec<IpamSubnet>, Error> {
        let mut taken: Vec<Subnet> =
            self.networks().iter().flat_map(|n| n.record.ipam.iter().map(|i| i.subnet)).collect();
        let mut chosen: Vec<IpamSubnet> = Vec::new();
        for wish in wanted.iter().filter(|wish| enabled[usize::from(wish.subnet.is_ipv6())]) {
            if wish.subnet != wish.subnet.network() {
                return Err(Error::HostBits { given: wish.subnet, network: wish.subnet.network() });
            }
            if taken.iter().any(|t| t.overlaps(wish.subnet)) {
                return Err(Error::SubnetOverlaps(wish.subnet));
            }
            if chosen.iter().any(|c| c.subnet.is_ipv6() == wish.subnet.is_ipv6()) {
                return Err(Error::SeveralSubnets);
            }
            taken.push(wish.subnet);
            chosen.push(wish.clone());
        }
        for (ipv6, enabled) in [(false, enabled[0]), (true, enabled[1])] {
            if enabled && !chosen.iter().any(|i| i.subnet.is_ipv6() == ipv6) {
                let subnet = self.free_subnet(&taken, ipv6)?;
                chosen.push(IpamSubnet { gateway: Some(subnet.at(1)), chosen: true, ..IpamSubnet::of(subnet) });
            }
        }
        Ok(chosen)
    }

    fn free_subnet(&self, taken: &[Subnet], ipv6: bool) -> Result<Subnet, Error> {
        let used: Vec<Subnet> = Reach::read()?.subnets().chain(taken.iter().copied()).collect();
        if let Some(subnet) = ipam::choose(&self.config.pools, &used, ipv6) {
            return Ok(subnet);
        }
        if ipv6 { predefined::unique_local() } else { Err(Error::PoolsExhausted) }
    }
}
