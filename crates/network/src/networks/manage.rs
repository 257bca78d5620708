//! Networks that users define.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Inner, Network, Networks};
use crate::pool::lock;
use crate::{DriverKind, Error, FirewallMode, IpamSubnet, NetworkRecord, Subnet, host, ipam, predefined};

/// A network to be made: the body of `POST /networks/create`.
#[derive(Clone, Debug, Default)]
pub struct NetworkSpec {
    /// Unique name.
    pub name: String,
    /// Whether it has IPv6.
    pub enable_ipv6: bool,
    /// Whether it has no way to the outside.
    pub internal: bool,
    /// Wanted subnets; those of a family that is missing are taken from the address pools.
    pub ipam: Vec<IpamSubnet>,
    /// Driver options, see [`option`](crate::option).
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Networks {
    /// Makes a bridge network. The caller persists the record.
    pub fn create(&self, spec: NetworkSpec) -> Result<NetworkRecord, Error> {
        let inner = &self.inner;
        let _one_at_a_time = lock(&inner.managing);
        if inner.networks().iter().any(|n| n.record.name == spec.name) {
            return Err(Error::NameTaken(spec.name));
        }
        let record = inner.plan(spec)?;
        let network = Arc::new(inner.start(record.clone(), host::uplink_mtu()?)?);
        if let Err(error) = inner.allow(&network) {
            inner.stop(&network);
            return Err(error);
        }
        inner.networks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&network));
        network.driver.open();
        Ok(record)
    }

    /// Removes a network that no container is attached to.
    pub fn remove(&self, name: &str) -> Result<NetworkRecord, Error> {
        let inner = &self.inner;
        let _one_at_a_time = lock(&inner.managing);
        let network = inner.find(name)?;
        if predefined::is_predefined(&network.record.name) {
            return Err(Error::Predefined(network.record.name.clone()));
        }
        {
            // Under both locks: nobody can attach in between.
            let places = lock(&inner.places);
            if let Some((_, place)) = places.iter().find(|(_, p)| Arc::ptr_eq(&p.network, &network)) {
                return Err(Error::ActiveEndpoints {
                    network: network.record.name.clone(),
                    container: place.name.clone(),
                    endpoint: place.endpoint.id.clone(),
                });
            }
            inner.networks.write().unwrap_or_else(PoisonError::into_inner).retain(|n| !Arc::ptr_eq(n, &network));
        }
        if let Some(rules) = network.driver.rules().filter(|_| inner.config.firewall == FirewallMode::Managed) {
            inner.firewall.remove_network(&rules)?;
        }
        inner.stop(&network);
        network.driver.remove()?;
        Ok(network.record.clone())
    }
}

impl Inner {
    /// The record of a new network: options verified, subnets chosen.
    fn plan(&self, spec: NetworkSpec) -> Result<NetworkRecord, Error> {
        let mut record = predefined::blank(&spec.name, DriverKind::Bridge)?;
        let mut taken: Vec<Subnet> =
            self.networks().iter().flat_map(|n| n.record.ipam.iter().map(|i| i.subnet)).collect();
        for wanted in &spec.ipam {
            if wanted.subnet != wanted.subnet.network() {
                return Err(Error::HostBits { given: wanted.subnet, network: wanted.subnet.network() });
            }
            if taken.iter().any(|t| t.overlaps(wanted.subnet)) {
                return Err(Error::SubnetOverlaps(wanted.subnet));
            }
            taken.push(wanted.subnet);
            record.ipam.push(with_gateway(wanted.clone()));
        }
        for ipv6 in [false, true] {
            let missing = !record.ipam.iter().any(|i| i.subnet.is_ipv6() == ipv6);
            if missing && (!ipv6 || spec.enable_ipv6) {
                let subnet = self.free_subnet(&taken, ipv6)?;
                let wish = IpamSubnet { subnet, range: None, gateway: None, bridge: None };
                record.ipam.push(with_gateway(wish));
            }
        }
        record.enable_ipv6 = spec.enable_ipv6;
        record.internal = spec.internal;
        record.options = spec.options;
        record.labels = spec.labels;
        Ok(record)
    }

    fn free_subnet(&self, taken: &[Subnet], ipv6: bool) -> Result<Subnet, Error> {
        let mut used = host::used_subnets(None)?;
        used.extend_from_slice(taken);
        if let Some(subnet) = ipam::choose(&self.config.pools, &used, ipv6) {
            return Ok(subnet);
        }
        if ipv6 { predefined::unique_local() } else { Err(Error::PoolsExhausted) }
    }

    /// Tells the packet filter.
    fn allow(&self, network: &Network) -> Result<(), Error> {
        match network.driver.rules() {
            Some(rules) if self.config.firewall == FirewallMode::Managed => self.firewall.add_network(&rules),
            _ => Ok(()),
        }
    }

    /// Nothing is made ahead of time any more.
    fn stop(&self, network: &Network) {
        if let Some(member) = &network.replenish {
            self.filler.remove(member);
        }
    }
}

/// The first address of the subnet is the gateway's unless another one is wanted.
fn with_gateway(wanted: IpamSubnet) -> IpamSubnet {
    let gateway = wanted.gateway.unwrap_or_else(|| wanted.subnet.at(1));
    IpamSubnet { gateway: Some(gateway), ..wanted }
}
