//! What the entry point is made of.

use std::sync::{Arc, PoisonError};

use super::{Adoption, Inner, Network, Place, PortConflict};
use crate::driver::{self, Attached, Bridge, Driver, Host, Null, Settings, Unavailable, Wish};
use crate::firewall::NetworkRules;
use crate::pool::{Replenish, lock};
use crate::publish::Owner;
use crate::{
    AttachRequest, DriverKind, Endpoint, EndpointInfo, Error, FirewallMode, LiveContainer, NetworkInfo, NetworkRecord,
    PoolLimits, PortBinding, identity, predefined,
};

impl Inner {
    /// A network of an earlier process. One that users defined and that cannot be had any more is no reason to have none.
    pub(super) fn restore(&self, record: NetworkRecord, mtu: u32) -> Result<Network, Error> {
        match self.start(record.clone(), mtu) {
            Err(reason) if !predefined::is_predefined(&record.name) => {
                tracing::error!(network = record.name, %reason, "a network could not be restored");
                let driver = Arc::new(Unavailable::new(&record, &reason));
                Ok(Network { record, driver, replenish: None })
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
        Ok(Network { record, driver, replenish })
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
        let places = lock(&self.places);
        let mut containers: Vec<_> = places
            .iter()
            .filter(|(_, p)| p.network.record.id == network.record.id && !p.endpoint.id.is_empty())
            .map(|(container, place)| EndpointInfo {
                container: container.clone(),
                name: place.name.clone(),
                endpoint: place.endpoint.id.clone(),
                mac: place.endpoint.mac,
                ipv4: place.endpoint.ipv4,
                ipv6: place.endpoint.ipv6,
            })
            .collect();
        containers.sort_by(|a, b| a.container.cmp(&b.container));
        NetworkInfo { record: network.record.clone(), containers }
    }

    /// Marks the container as attached, so that nobody else attaches it at the same time.
    pub(super) fn occupy(&self, request: &AttachRequest, network: &Arc<Network>) -> Result<(), Error> {
        let mut places = lock(&self.places);
        if places.contains_key(&request.container) {
            return Err(Error::AlreadyAttached {
                container: request.name.clone(),
                network: network.record.name.clone(),
            });
        }
        // It may have been removed since it was found.
        if !self.networks().iter().any(|n| Arc::ptr_eq(n, network)) {
            return Err(Error::NotFound(network.record.name.clone()));
        }
        let endpoint = Endpoint::blank(network.record.driver, &network.record);
        let place = Place { name: request.name.clone(), network: Arc::clone(network), endpoint, link: None };
        places.insert(request.container.clone(), place);
        Ok(())
    }

    pub(super) fn attach(&self, request: &AttachRequest, network: &Network) -> Result<(Attached, Endpoint), Error> {
        let wish = Wish { ipv4: request.ipv4, ipv6: request.ipv6, mac: request.mac, ids: request.ids.clone() };
        let attached = network.driver.attach(identity::hex::<32>()?, wish)?;
        let mut endpoint = attached.endpoint.clone();
        if request.ports.is_empty() || !network.driver.publishes() {
            return Ok((attached, endpoint));
        }
        match self.publish(request, &endpoint) {
            Ok(ports) => {
                endpoint.ports = ports;
                Ok((attached, endpoint))
            }
            Err(error) => {
                network.driver.detach(&endpoint, attached.link);
                Err(error)
            }
        }
    }

    /// Publishes; a table that somebody flushed is made again.
    pub(super) fn publish(&self, request: &AttachRequest, endpoint: &Endpoint) -> Result<Vec<PortBinding>, Error> {
        let owner = Owner { name: &request.name };
        let result = self.publisher.publish(owner, endpoint, &request.ports);
        match result {
            Err(error) if error.is_errno(rustix::io::Errno::NOENT) && !self.firewall.exists() => {
                tracing::warn!("the packet filter's table was removed by somebody else and is made again");
                self.program()?;
                self.publisher.publish(owner, endpoint, &request.ports)
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
            .flat_map(|c| c.endpoints.iter().map(move |e| (c, e)))
            .filter(|(_, e)| e.network_id == network.record.id)
            .collect();
        let endpoints: Vec<&Endpoint> = ours.iter().map(|(_, e)| *e).collect();
        let found = network.driver.adopt(&endpoints)?;
        adoption.removed_links.extend(found.removed);
        adoption.lost.extend(found.lost.iter().filter_map(|place| ours.get(*place)).map(|(c, _)| c.id.clone()));
        for ((container, endpoint), link) in ours.into_iter().zip(found.links) {
            let conflicts = self.publisher.adopt(endpoint).into_iter();
            let conflict = |binding| PortConflict { container: container.id.clone(), binding };
            adoption.conflicts.extend(conflicts.map(conflict));
            let place =
                Place { name: container.name.clone(), network: Arc::clone(network), endpoint: endpoint.clone(), link };
            lock(&self.places).insert(container.id.clone(), place);
        }
        Ok(())
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
