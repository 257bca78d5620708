//! What the entry point is made of.

use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};

use super::{Adoption, Inner, Network, Place, PortConflict, Tenant};
use crate::dns;
use crate::driver::{self, Bridge, Driver, Host, Null, Settings, Unavailable};
use crate::firewall::NetworkRules;
use crate::pool::{Replenish, lock};
use crate::publish::Owner;
use crate::{
    DriverKind, Endpoint, EndpointInfo, Error, FirewallMode, LiveContainer, NetworkInfo, NetworkRecord, PoolLimits,
    PortBinding, PortRequest, predefined,
};

impl Inner {
    /// A network of an earlier process. One that users defined and that cannot be had any more is no reason to have none.
    pub(super) fn restore(&self, record: NetworkRecord, mtu: u32) -> Result<Network, Error> {
        match self.start(record.clone(), mtu) {
            Err(reason) if !predefined::is_predefined(&record.name) => {
                tracing::error!(network = record.name, %reason, "a network could not be restored");
                let driver = Arc::new(Unavailable::new(&record, &reason));
                Ok(Network { record, driver, replenish: None, zone: None })
            }
            other => other,
        }
    }

    /// A network with its driver, ready to be adopted.
    pub(super) fn start(&self, record: NetworkRecord, mtu: u32) -> Result<Network, Error> {
        let common = driver::Common {
            limits: self.limits(&record.name),
            mac_policy: self.config.mac,
            signal: Arc::clone(&self.filler.signal),
            reaper: Arc::clone(&self.reaper),
            ids: self.config.ids.clone(),
            sysctls: Arc::clone(&self.sysctls),
        };
        let mut replenish: Option<Arc<dyn Replenish>> = None;
        let driver: Arc<dyn Driver> = match record.driver {
            DriverKind::Bridge => {
                let bridge = Arc::new(Bridge::new(&record, Settings::of(&record, mtu, &self.config.bridge)?, common)?);
                replenish = Some(Arc::clone(&bridge) as Arc<dyn Replenish>);
                bridge
            }
            DriverKind::Null => {
                let null = Arc::new(Null::new(&record, common)?);
                replenish = Some(Arc::clone(&null) as Arc<dyn Replenish>);
                null
            }
            DriverKind::Host => Arc::new(Host::new(&record)),
            DriverKind::Container => {
                return Err(Error::InvalidConfig(format!("network {} has no driver", record.name)));
            }
        };
        if let Some(member) = &replenish {
            self.filler.add(Arc::clone(member));
        }
        let zone = driver.has_names().then(|| Arc::new(dns::Zone::new(&record.name)));
        Ok(Network { record, driver, replenish, zone })
    }

    /// Networks that users define are many, and most of them rarely used.
    pub(super) fn limits(&self, network: &str) -> PoolLimits {
        let ready = self.config.ready;
        if network == predefined::BRIDGE { ready } else { PoolLimits { low: ready.low.min(1), ..ready } }
    }

    pub(super) fn networks(&self) -> Vec<Arc<Network>> {
        self.networks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Name first, then id, then prefix of an id, as Docker.
    pub(super) fn find(&self, name: &str) -> Result<Arc<Network>, Error> {
        let networks = self.networks();
        let exact = |n: &&Arc<Network>| n.record.name == name || n.record.id == name;
        if let Some(network) = networks.iter().find(exact) {
            return Ok(Arc::clone(network));
        }
        let matches: Vec<_> = networks.iter().filter(|n| !name.is_empty() && n.record.id.starts_with(name)).collect();
        match matches[..] {
            [network] => Ok(Arc::clone(network)),
            [] => Err(Error::NotFound(name.to_owned())),
            _ => Err(Error::Ambiguous { name: name.to_owned(), matches: matches.len() }),
        }
    }

    pub(super) fn describe(&self, network: &Network) -> NetworkInfo {
        let tenants = lock(&self.tenants);
        let mut containers: Vec<_> = tenants
            .iter()
            .filter(|(_, tenant)| !tenant.ended)
            .flat_map(|(container, tenant)| tenant.places.iter().map(move |place| (container, tenant, place)))
            .filter(|(.., place)| place.network.record.id == network.record.id && place.is_taken())
            .map(|(container, tenant, place)| EndpointInfo {
                container: container.clone(),
                name: tenant.name.clone(),
                endpoint: place.endpoint.id.clone(),
                mac: place.endpoint.mac,
                ipv4: place.endpoint.ipv4,
                ipv6: place.endpoint.ipv6,
            })
            .collect();
        containers.sort_by(|a, b| a.container.cmp(&b.container));
        NetworkInfo { record: network.record.clone(), containers }
    }

    /// Publishes; a table that somebody flushed is made again.
    pub(super) fn publish(
        &self,
        name: &str,
        endpoint: &Endpoint,
        ports: &[PortRequest],
    ) -> Result<Vec<PortBinding>, Error> {
        let owner = Owner { name };
        let result = self.publisher.publish(owner, endpoint, ports);
        match result {
            Err(error) if error.is_errno(rustix::io::Errno::NOENT) && !self.firewall.exists() => {
                tracing::warn!("the packet filter's table was removed by somebody else and is made again");
                self.program()?;
                self.publisher.publish(owner, endpoint, ports)
            }
            other => other,
        }
    }

    pub(super) fn adopt_network(
        &self,
        network: &Arc<Network>,
        live: &[LiveContainer],
        adoption: &mut Adoption,
    ) -> Result<(), Error> {
        let ours: Vec<_> = live
            .iter()
            .flat_map(|c| c.endpoints.iter().map(move |(e, membership)| (c, e, membership)))
            .filter(|(_, e, _)| e.network_id == network.record.id)
            .collect();
        let endpoints: Vec<&Endpoint> = ours.iter().map(|(_, e, _)| *e).collect();
        let found = network.driver.adopt(&endpoints)?;
        adoption.removed_links.extend(found.removed);
        adoption.lost.extend(found.lost.iter().filter_map(|place| ours.get(*place)).map(|(c, ..)| c.id.clone()));
        for ((container, endpoint, membership), link) in ours.into_iter().zip(found.links) {
            let conflicts = self.publisher.adopt(endpoint).into_iter();
            let conflict = |binding| PortConflict { container: container.id.clone(), binding };
            adoption.conflicts.extend(conflicts.map(conflict));
            let place = Place {
                network: Arc::clone(network),
                endpoint: endpoint.clone(),
                link,
                membership: membership.clone(),
            };
            place.announce(&container.id);
            let mut tenants = lock(&self.tenants);
            let tenant = tenants.entry(container.id.clone()).or_insert_with(|| Tenant::new(&container.name));
            tenant.places.push(place);
        }
        Ok(())
    }

    /// What a container that lives has beside its endpoints: their order, and its name server.
    pub(super) fn adopt_container(&self, container: &LiveContainer) {
        {
            let mut tenants = lock(&self.tenants);
            // One that is on no network at the moment may join some.
            let tenant = tenants.entry(container.id.clone()).or_insert_with(|| Tenant::new(&container.name));
            let order = |place: &Place| container.endpoints.iter().position(|(e, _)| e.id == place.endpoint.id);
            tenant.places.sort_by_key(order);
            tenant.requests.clone_from(&container.ports);
        }
        let Some((namespace, resolver)) = &container.resolver else { return };
        if let Err(error) = self.ensure_names(&container.id, None, namespace.as_fd(), resolver) {
            tracing::error!(container = container.id, %error, "the container's name server could not be restored");
        }
    }

    /// Makes the packet filter's table from what is known.
    pub(super) fn program(&self) -> Result<(), Error> {
        if self.config.firewall == FirewallMode::Off {
            return self.firewall.remove();
        }
        let rules: Vec<NetworkRules> = self.networks().iter().filter_map(|n| n.driver.rules()).collect();
        self.firewall.replace(&rules, &self.publisher.translations())
    }
}
